"""Check: judge the whole intake of a market before anything is built on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pipeline.errors import DeliverySetAside, NoUsableDelivery, TooManyRejections
from pipeline.market import Demands

_REASONS_SHOWN = 5
_DELIVERIES_SHOWN = 5


def judge_intake(
    accounts: Mapping[str, Mapping[str, Any]], demands: Demands, places: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Sum the deliveries' accounts, by delivery name, into one for the market.

    `places` says where the rejected rows of each delivery lie, for messages.

    Raises NoUsableDelivery when too few rows were accepted anywhere, TooManyRejections when a larger share of the rows
    than `demands.max_rejected_share` was rejected or unreadable over all deliveries, DeliverySetAside when one was set
    aside that `demands` cannot do without.
    """
    total = {key: sum(account[key] for account in accounts.values()) for key in ("rows", "accepted", "rejected", "unreadable")}
    reasons = _sum_counts(accounts, "reasons")
    examples = _choose_examples(accounts)
    remedies = sorted({remedy for account in accounts.values() for remedy in account["remedies"]})
    set_aside = {name: account["set_aside"] for name, account in sorted(accounts.items()) if account["set_aside"]}
    read = {name: account for name, account in accounts.items() if not account["set_aside"]}
    if total["accepted"] < demands.min_accepted_rows:
        raise NoUsableDelivery(_too_little(total, [*_tell_rejected(read), *_name_place(accounts, places)], set_aside, demands))
    usable = sum(account["rows"] for account in read.values())
    lost_share = (usable - total["accepted"]) / usable
    if lost_share > demands.max_rejected_share:
        lines = [
            f"{lost_share:.1%} of {usable:,} rows were rejected, more than the allowed {demands.max_rejected_share:.1%}.",
            *_tell_rejected(read),
            *_name_place(read, places),
            "Mend the deliveries, or the market's TOML: its columns and limits, or [check] max_rejected_share"
            + "".join(f"; or {remedy}" for remedy in remedies)
            + ".",
        ]
        raise TooManyRejections(" ".join(lines))
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
        "examples": examples,
        "remedies": remedies,
        "set_aside": set_aside,
        "deliveries": dict(sorted(accounts.items())),
    }


def most_rejected(accounts: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Name the delivery with the most rejected and unreadable rows; None where there are none."""
    lost = {name: account["rejected"] + account["unreadable"] for name, account in sorted(accounts.items())}
    name = max(lost, key=lost.__getitem__, default=None)
    return name if name and lost[name] else None


def _too_little(total: Mapping[str, int], shown: list[str], set_aside: Mapping[str, str], demands: Demands) -> str:
    """Tell the causes first, then what they come to."""
    lines = [f"{name} was set aside: {reason}." for name, reason in list(set_aside.items())[:_DELIVERIES_SHOWN]]
    if len(set_aside) > _DELIVERIES_SHOWN:
        lines.append(f"So were {len(set_aside) - _DELIVERIES_SHOWN:,} more.")
    lines.extend(shown)
    lines.append(
        f"So only {total['accepted']:,} of {total['rows']:,} rows could be accepted; at least {demands.min_accepted_rows:,} are needed "
        "([check] min_accepted_rows)."
    )
    return " ".join(lines)


def _choose_examples(accounts: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Write for each reason its first row in the first delivery that has it."""
    found: dict[str, str] = {}
    for name, account in sorted(accounts.items()):
        for reason, example in account["examples"].items():
            found.setdefault(reason, f"{name} row {example['row']}: {example['value']!r}")
    return dict(sorted(found.items()))


def _tell_rejected(accounts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Tell the most frequent reasons; a delivery that was set aside says its own."""
    examples = _choose_examples(accounts)
    most = sorted(_sum_counts(accounts, "reasons").items(), key=lambda item: -item[1])[:_REASONS_SHOWN]
    named = [f"{reason}: {count:,}" + (f" ({examples[reason]})" if reason in examples else "") for reason, count in most]
    return [f"Rejected: {', '.join(named)}."] if named else []


def _name_place(accounts: Mapping[str, Mapping[str, Any]], places: Mapping[str, str] | None) -> list[str]:
    name = most_rejected(accounts)
    return [f"The rejected rows of {name} are in {places[name]}."] if name and places else []


def _sum_counts(accounts: Mapping[str, Mapping[str, Any]], key: str) -> dict[str, int]:
    total: Counter[str] = Counter()
    for account in accounts.values():
        total.update(account[key])
    return dict(sorted(total.items()))
