"""Check: judge the whole intake of a market before anything is built on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pipeline.errors import DeliverySetAside, NoUsableDelivery, TooManyRejections
from pipeline.market import Demands

_REASONS_SHOWN = 5


def judge_intake(accounts: Mapping[str, Mapping[str, Any]], demands: Demands) -> dict[str, Any]:
    """Sum the deliveries' accounts, by delivery name, into one for the market.

    Raises NoUsableDelivery when too few rows were accepted anywhere, TooManyRejections when a larger share of the rows
    than `demands.max_rejected_share` was rejected or unreadable over all deliveries, DeliverySetAside when one was set
    aside that `demands` cannot do without.
    """
    total = {key: sum(account[key] for account in accounts.values()) for key in ("rows", "accepted", "rejected", "unreadable")}
    reasons = _sum_counts(accounts, "reasons")
    set_aside = {name: account["set_aside"] for name, account in sorted(accounts.items()) if account["set_aside"]}
    if total["accepted"] < demands.min_accepted_rows:
        raise NoUsableDelivery(_too_little(total, reasons, set_aside, demands))
    usable = sum(account["rows"] for account in accounts.values() if not account["set_aside"])
    lost_share = (usable - total["accepted"]) / usable
    if lost_share > demands.max_rejected_share:
        raise TooManyRejections(
            f"{lost_share:.1%} of {usable:,} rows were rejected, more than the allowed "
            f"{demands.max_rejected_share:.1%} ({_name_reasons(reasons)}). Mend the deliveries, or the market's TOML: "
            "its columns and limits, or [check] max_rejected_share."
        )
    if set_aside and not demands.may_set_aside:
        raise DeliverySetAside(
            f"{len(set_aside)} of {len(accounts)} deliveries cannot be used, and [check] may_set_aside says that none may be left out. "
            + " ".join(f"{name}: {reason}." for name, reason in set_aside.items())
        )
    return {
        **total,
        "reasons": reasons,
        "dropped_values": _sum_counts(accounts, "dropped_values"),
        "rehomed": _sum_counts(accounts, "rehomed"),
        "set_aside": set_aside,
        "deliveries": dict(sorted(accounts.items())),
    }


def _too_little(total: Mapping[str, int], reasons: dict[str, int], set_aside: Mapping[str, str], demands: Demands) -> str:
    lines = [
        f"Only {total['accepted']:,} of {total['rows']:,} rows could be accepted; at least {demands.min_accepted_rows:,} are needed "
        "([check] min_accepted_rows)."
    ]
    if reasons:
        lines.append(f"Rejected: {_name_reasons(reasons)}.")
    lines.extend(f"{name} was set aside: {reason}." for name, reason in set_aside.items())
    return " ".join(lines)


def _name_reasons(reasons: Mapping[str, int]) -> str:
    most = sorted(reasons.items(), key=lambda item: -item[1])[:_REASONS_SHOWN]
    return ", ".join(f"{reason}: {count:,}" for reason, count in most)


def _sum_counts(accounts: Mapping[str, Mapping[str, Any]], key: str) -> dict[str, int]:
    total: Counter[str] = Counter()
    for account in accounts.values():
        total.update(account[key])
    return dict(sorted(total.items()))
