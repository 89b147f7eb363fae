"""Incidents: what is wrong with a market, from the night it is found until it is over, and when a person is told of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import count

OPENED, REMINDED, CLOSED = "opened", "reminded", "closed"
# A year of one incident is 17 messages: it opens, 5 reminders in its first month, then 11 more.
REMINDED_AFTER_DAYS = (1, 3, 7, 14, 30)
THEN_EVERY_DAYS = 30
# An incident is over when it was not found on so many nights that were judged, one after another. One that keeps coming back waits
# longer each time, so that a finding which comes and goes makes fewer and fewer messages: 2, 4, 8, then 16 nights. Whatever its pattern, a year has no more than 66.
QUIET_NIGHTS = (2, 4, 8, 16)
# So long it is remembered that an incident was closed: found again, it is the same one come back.
REMEMBERED_DAYS = 30
_LONGEST = 1_000  # characters of a text: a message must stay one that is read
_LONGEST_SUBJECT = 200

Identity = tuple[str, str]


@dataclass(frozen=True)
class Finding:
    """What was found wrong on a night: kind and subject say which incident it belongs to, `means` is for prices, `do` is the remedy."""

    kind: str
    subject: str
    text: str
    means: str
    do: str

    @property
    def identity(self) -> Identity:
        """What makes two findings the same incident."""
        return self.kind, self.subject

    @classmethod
    def read(cls, found: Mapping[str, object]) -> Finding:
        """Return a finding of printable text of a bounded length, whatever a delivery's names and cells held."""
        texts = (printable(str(found[name])) for name in ("text", "means", "do"))
        kind, subject = (printable(str(found[name]), _LONGEST_SUBJECT) for name in ("kind", "subject"))
        return cls(kind, subject, *texts)


@dataclass(frozen=True)
class Incident(Finding):
    """Something that is wrong since a night, as it was last found; `closed_on` is "" while it is open.

    `reminders` were told since it first opened, `times` it opened, and on `quiet` nights it was judged and not found, since it last was.
    """

    since: str
    found_on: str
    reminders: int = 0
    times: int = 1
    quiet: tuple[str, ...] = ()
    closed_on: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it is not over."""
        return not self.closed_on


@dataclass(frozen=True)
class Notice:
    """What is to be told of an incident on a night: that it opened, is still there, or is over."""

    what: str
    market: str
    night: str
    incident: Incident

    @property
    def id(self) -> str:
        """Name the notice: the same news of the same night has the same name, however often it is worked out."""
        incident = self.incident
        parts = (self.what, self.market, self.night, *incident.identity, incident.times, incident.reminders)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def follow_incidents(
    market: str,
    known: Sequence[Incident],
    last_night: str,
    night: str,
    findings: Iterable[Finding],
    judged: Collection[str],
) -> tuple[list[Incident], list[Notice]]:
    """Return the incidents after a night, open ones and those closed lately, and what is to be told of it; nights are ISO dates.

    `known` are the incidents after `last_night` ("" before the first). A night before that changes and tells nothing; the same night again tells
    only what is new. Incidents of a kind that is not in `judged` stay as they are: nobody looked whether they are over. Of two findings
    with one identity the first counts. A reminder is told only of what was found tonight.
    """
    if night < last_night:
        return list(known), []
    found: dict[Identity, Finding] = {}
    for finding in findings:
        found.setdefault(finding.identity, finding)
    before = {incident.identity: incident for incident in known}
    after: list[Incident] = []
    notices: list[Notice] = []
    for identity in sorted(before.keys() | found.keys()):
        incident, what = _follow(before.get(identity), found.get(identity), night, is_judged=identity[0] in judged)
        after.extend([incident] if incident else [])
        notices.extend([Notice(what, market, night, incident)] if incident and what else [])
    return after, notices


def printable(text: str, longest: int = _LONGEST) -> str:
    """Return text in one line that no terminal, mail header or log obeys, cut to a length; what cannot be printed becomes "�"."""
    line = " ".join(text.split())
    shown = "".join(letter if letter.isprintable() else "�" for letter in line)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def _follow(before: Incident | None, found: Finding | None, night: str, *, is_judged: bool) -> tuple[Incident | None, str]:
    """Return one incident after the night, None where it is forgotten, and what is to be told of it ("" for nothing)."""
    if found:
        return _find(before, found, night)
    if before is None or _is_forgotten(before, night):
        return None, ""
    return _miss(before, night) if before.is_open and is_judged else (before, "")


def _find(before: Incident | None, found: Finding, night: str) -> tuple[Incident, str]:
    if before is None or _is_forgotten(before, night):
        return Incident(found.kind, found.subject, found.text, found.means, found.do, since=night, found_on=night), OPENED
    now = replace(before, text=found.text, means=found.means, do=found.do, found_on=night, quiet=(), closed_on="")
    if before.closed_on:
        # One that comes back was explained already: it is not reminded of at short gaps again.
        reminders = min(before.reminders, len(REMINDED_AFTER_DAYS) - 1)
        return replace(now, since=night, times=before.times + 1, reminders=reminders), OPENED
    due = _reminders_due(_days(now.since, night))
    return (replace(now, reminders=due), REMINDED) if due > now.reminders else (now, "")


def _miss(before: Incident, night: str) -> tuple[Incident, str]:
    quiet = before.quiet if night in before.quiet else (*before.quiet, night)
    if len(quiet) < QUIET_NIGHTS[min(before.times, len(QUIET_NIGHTS)) - 1]:
        return replace(before, quiet=quiet), ""
    return replace(before, quiet=quiet, closed_on=night), CLOSED


def _is_forgotten(incident: Incident, night: str) -> bool:
    return not incident.is_open and _days(incident.closed_on, night) > REMEMBERED_DAYS


def _reminders_due(days: int) -> int:
    """Return how many reminders an incident that is open for so many days should have had."""
    return next(number for number, after in enumerate(_reminder_days()) if after > days)


def _reminder_days() -> Iterator[int]:
    yield from REMINDED_AFTER_DAYS
    yield from count(REMINDED_AFTER_DAYS[-1] + THEN_EVERY_DAYS, THEN_EVERY_DAYS)


def _days(since: str, night: str) -> int:
    return (date.fromisoformat(night) - date.fromisoformat(since)).days
