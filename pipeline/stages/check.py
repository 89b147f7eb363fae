"""Check: judge the whole intake of a market before anything is built on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pipeline.errors import NoUsableDelivery, TooManyRejections
from pipeline.market import Demands

_REASONS_SHOWN = 5


def judge_intake(accounts: Mapping[str, Mapping[str, Any]], demands: Demands) -> dict[str, Any]:
    """Sum the deliveries' accounts, by delivery name, into one for the market.

    Raises NoUsableDelivery when no row was accepted anywhere, TooManyRejections when a larger share of the rows than
    `demands.max_rejected_share` was rejected or unreadable over all deliveries.
    """
    total = {key: sum(account[key] for account in accounts.values()) for key in ("rows", "accepted", "rejected", "unreadable")}
    reasons = _sum_counts(account["reasons"] for account in accounts.values())
    set_aside = {name: account["set_aside"] for name, account in sorted(accounts.items()) if account["set_aside"]}
    if total["accepted"] < demands.min_accepted_rows:
        raise NoUsableDelivery(_too_little(total, reasons, set_aside, demands))
    lost_share = (total["rows"] - total["accepted"]) / total["rows"]
    if lost_share > demands.max_rejected_share:
        raise TooManyRejections(
            f"{lost_share:.1%} of {total['rows']:,} rows were rejected, more than the allowed "
            f"{demands.max_rejected_share:.1%} ({_name_reasons(reasons)}). Mend the deliveries, or the market's TOML: "
            "its columns and limits, or [check] max_rejected_share."
        )
    return {
        **total,
        "reasons": reasons,
        "dropped_values": _sum_counts(account["dropped_values"] for account in accounts.values()),
        "set_aside": set_aside,
        "deliveries": len(accounts),
    }


def tell_account(account: Mapping[str, Any]) -> list[str]:
    """Return the account of an intake as lines for a person."""
    counts = f"{account['rows']:,} rows in {account['deliveries']:,} deliveries: {account['accepted']:,} accepted, "
    counts += f"{account['rejected']:,} rejected, {account['unreadable']:,} unreadable"
    reasons = f" ({_name_reasons(account['reasons'])})" if account["reasons"] else ""
    return [counts + reasons, *(f"set aside {name}: {reason}" for name, reason in account["set_aside"].items())]


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


def _sum_counts(counts: Any) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(sorted(total.items()))
