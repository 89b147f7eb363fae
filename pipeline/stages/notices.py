"""Notices: how all that is to be told of a night reads, as one message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pipeline.stages.incidents import CLOSED, OPENED, REMINDED, Incident, Notice

_ORDER = (OPENED, REMINDED, CLOSED)
_HEADINGS = {OPENED: "New", REMINDED: "Still there", CLOSED: "Over"}


def tell_title(night: str, notices: Sequence[Notice]) -> str:
    """Return the message's title: how much is new, still there and over, and in which markets."""
    counts = Counter(notice.what for notice in notices)
    told = ", ".join(f"{counts[what]} {_HEADINGS[what].lower()}" for what in _ORDER if counts[what])
    return f"Car prices {night}: {told} ({', '.join(name_markets(notices))})"


def tell_text(notices: Sequence[Notice]) -> str:
    """Return the message's text: market by market what is new, what is still there and what is over, with meaning and remedy."""
    blocks = []
    for market in name_markets(notices):
        told = [notice for what in _ORDER for notice in notices if (notice.market, notice.what) == (market, what)]
        blocks.append("\n\n".join([market, *map(_tell_notice, told)]))
    return "\n\n\n".join(blocks) + "\n"


def describe_notices(notices: Sequence[Notice]) -> list[dict[str, Any]]:
    """Return the notices as plain values, for programs that read the message."""
    return [
        {
            "id": notice.id,
            "what": notice.what,
            "market": notice.market,
            "kind": notice.incident.kind,
            "subject": notice.incident.subject,
            "since": notice.incident.since,
            "text": notice.incident.text,
            "means": notice.incident.means,
            "do": notice.incident.do,
        }
        for notice in notices
    ]


def name_markets(notices: Sequence[Notice]) -> list[str]:
    """Name the markets that notices are about, sorted."""
    return sorted({notice.market for notice in notices})


def tell_since(incident: Incident) -> str:
    """Say since when an incident is open, that it came back, and that it is no longer found."""
    back = f", back for the {_ordinal(incident.times)} time" if incident.times > 1 else ""
    gone = f", not found since {incident.quiet[0]}" if incident.quiet else ""
    return f"{incident.since}{back}{gone}"


def _tell_notice(notice: Notice) -> str:
    incident = notice.incident
    if notice.what == CLOSED:
        return f"Over: {incident.text}\n  It was found from {incident.since} to {incident.found_on}; nothing is left to do."
    return (
        f"{_HEADINGS[notice.what]}: {incident.text}\n  Since: {tell_since(incident)}\n"
        f"  Means for prices: {incident.means}\n  What to do: {incident.do}"
    )


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")
