"""The alerts of a market: its incidents in `data/alerts/<market>.json`, a journal of all that was told, and one message a night.

`follow` replaces the file by one rename, with what is to be told in it: from then on nothing is lost. `send` first moves what is to be
told of all markets into one message in the outbox, then lets every channel try it. Neither ever ends a night: what goes wrong is returned.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from pipeline import outbox, paths, recipients
from pipeline.errors import UserError
from pipeline.incremental import store
from pipeline.incremental.records import parse_json
from pipeline.services import clock
from pipeline.services.channels import ChannelFailed, Message
from pipeline.stages import notices as telling
from pipeline.stages.incidents import Finding, Incident, Notice, follow_incidents

OWN_KIND = "alerts"  # the kind of the incident that incidents were lost; judged every night
_unkept: list[Notice] = []  # what could not be written down: it is told once by whoever still can be reached


class AlertsDamaged(UserError):
    """The file of a market's incidents cannot be understood, so that nobody knows what is open."""


@dataclass(frozen=True)
class State:
    """The incidents of a market after the last night that was followed ("" before the first), and notices that no message holds yet."""

    market: str
    night: str = ""
    incidents: tuple[Incident, ...] = ()
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Followed:
    """What a night changed: what is to be told, what is open now, whether it lies before the last one (and changed nothing), and lines to log."""

    market: str
    night: str
    notices: tuple[Notice, ...]
    open: tuple[Incident, ...]
    is_past: bool = False
    lines: tuple[str, ...] = ()


def follow(market: str, night: str, findings: Iterable[Mapping[str, object]], judged_kinds: Collection[str]) -> Followed:
    """Open, remind of and close a market's incidents by what a night found; `send` tells of it, once for all markets.

    `night` is an ISO date. A finding has kind, subject, text, means and do. Incidents of a kind that is not in `judged_kinds` stay open. Nothing
    that is wrong with files raises: it is in `lines`.
    """
    date.fromisoformat(night)
    found = [Finding.read(finding) for finding in findings]
    try:
        with _held():
            return _follow(market, night, found, {*judged_kinds, OWN_KIND})
    except OSError as error:
        return Followed(market, night, (), (), lines=(_tell_disk(error),))


def send() -> list[str]:
    """Send what is to be told, and what earlier nights could not send; return a line for all that was sent and all that was not."""
    lines: list[str] = []
    try:
        with store.locked(paths.DATA / "locks" / "alerts-outbox.lock"):
            with _held():
                lines.extend(_move_to_outbox())
            lines.extend(line for line in outbox.flush() if line)
    except OSError as error:
        lines.append(_tell_disk(error))
    return [*lines, *_send_unkept()]


def send_test() -> Iterator[tuple[str, str, str]]:
    """Send a test message over every channel; yield its name, where it leads, and what went wrong ("" for nothing)."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    text = "This is a test of the channel. Alerts of the car-price pipeline come this way.\n"
    message = Message(
        f"test-{_digest(now)}", "Car prices: a test message", text, now, {"market": "", "night": now[:10], "incidents": []}
    )
    for name, channel in recipients.choose_channels().items():
        try:
            yield name, channel.where, channel.deliver(message)
        except ChannelFailed as error:
            yield name, channel.where, str(error)


def open_incidents(market: str) -> list[Incident]:
    """Return what is open, the oldest first. Raises AlertsDamaged."""
    return list(_open(read_state(market)))


def followed_markets() -> list[str]:
    """Name the markets whose incidents are followed."""
    return sorted(path.stem for path in paths.ALERTS.glob("[!.]*.json"))


def tell_undelivered() -> list[str]:
    """Say what was not sent yet: by which channel, how much, and why."""
    lines = outbox.tell_waiting()
    for market in followed_markets():
        try:
            state = read_state(market)
        except AlertsDamaged:
            continue
        if state.notices:
            lines.append(f"{len(state.notices)} of {market} as of {state.night} are in no message yet: the next night sends them")
    return lines


def tell_future(state: State) -> list[str]:
    """Say that incidents were followed up to a night that has not come yet: a clock was wrong, and until then nothing is told."""
    if state.night <= clock.today().isoformat():
        return []
    path = paths.alerts(state.market)
    return [
        f"The alerts of {state.market} are as of {state.night}, which has not come yet: nothing is told before. Was a clock wrong? "
        f"Move {path} away to begin anew."
    ]


def read_state(market: str) -> State:
    """Read the incidents of a market; none where nothing was followed yet. Raises AlertsDamaged."""
    path = paths.alerts(market)
    try:
        found = parse_json(path.read_bytes())
        incidents = tuple(_read_incident(incident) for incident in found["incidents"])
        notices = tuple(
            Notice(str(notice["what"]), market, _night(notice["night"]), _read_incident(notice["incident"]))
            for notice in found["notices"]
        )
        return State(market, _night(found["night"]), incidents, notices)
    except FileNotFoundError:
        return State(market)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise AlertsDamaged(
            f"{path} cannot be understood, so nobody knows what is open in {market}. The next night sets it aside and begins anew; "
            f"{paths.alerts_journal(market)} has what was told."
        ) from None


def _follow(market: str, night: str, found: list[Finding], judged: Collection[str]) -> Followed:
    state, lost = _read_or_set_aside(market)
    if night < state.night:
        return Followed(market, night, (), _open(state), is_past=True, lines=tuple(tell_future(state)))
    incidents, told = follow_incidents(market, state.incidents, state.night, night, [*found, *lost], judged)
    after = State(market, night, tuple(incidents), (*state.notices, *told))
    lines = [f"{finding.text} {finding.do}" for finding in lost]
    try:
        _write(after)
    except OSError as error:
        lines.append(_tell_disk(error))
        _unkept.extend(notice for notice in told if notice not in _unkept)
    else:
        lines.extend(_note(market, told))
    return Followed(market, night, tuple(told), _open(after), lines=tuple(lines))


def _move_to_outbox() -> list[str]:
    """Make one message of all that is to be told of a night, and forget that it is to be told; return lines about what failed.

    A kill between the two leaves notices that a message holds already: they are known by their ids.
    """
    states, lines = [], []
    for market in followed_markets():
        try:
            states.append(read_state(market))
        except AlertsDamaged as error:
            lines.append(str(error))
    held = {name for outgoing in outbox.waiting() for name in outgoing.notices}
    fresh = [notice for state in states for notice in state.notices if notice.id not in held]
    for night in sorted({notice.night for notice in fresh}):
        told = [notice for notice in fresh if notice.night == night]
        outbox.put(_compose(night, told), tuple(notice.id for notice in told))
    for state in states:
        if state.notices:
            lines.extend(_note(state.market, state.notices))
            _write(replace(state, notices=()))
    return lines


def _compose(night: str, told: Sequence[Notice]) -> Message:
    facts = {"market": ", ".join(telling.name_markets(told)), "night": night, "incidents": telling.describe_notices(told)}
    name = f"{night}-{_digest(*sorted(notice.id for notice in told))}"
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Message(name, telling.tell_title(night, told), telling.tell_text(told), now, facts)


def _send_unkept() -> list[str]:
    """Tell once what no disk could keep: rather every night while the disk is full than never."""
    if not _unkept:
        return []
    message = _compose(max(notice.night for notice in _unkept), _unkept)
    lines = []
    for name, channel in recipients.choose_channels().items():
        try:
            channel.deliver(message)
            lines.append(f"Sent by {name} ({channel.where}), though it could not be kept: {message.title}")
        except ChannelFailed as error:
            lines.append(f"Not sent by {name}, and not kept: {message.title}: {error}")
    _unkept.clear()
    return lines


def _note(market: str, told: Sequence[Notice]) -> list[str]:
    """Write into the journal what it does not hold yet, whatever else is in it; return a line where that failed."""
    path = paths.alerts_journal(market)
    try:
        before = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entries = [
            json.dumps({**entry, "night": notice.night, "at": now}, ensure_ascii=False, sort_keys=True)
            for notice, entry in zip(told, telling.describe_notices(told), strict=True)
            if f'"id": "{notice.id}"' not in before
        ]
        if entries:
            gap = "\n" if before and not before.endswith("\n") else ""
            store.replace_text(path, before + gap + "\n".join(entries) + "\n")
    except OSError as error:
        return [_tell_disk(error)]
    return []


def _read_or_set_aside(market: str) -> tuple[State, list[Finding]]:
    """Read the incidents; where they cannot be understood, set the file aside, begin anew, and find that."""
    try:
        return read_state(market), []
    except AlertsDamaged:
        aside = store.set_aside(paths.alerts(market))
    finding = Finding(
        kind=OWN_KIND,
        subject="incidents",
        text=f"The file of the incidents of {market} could not be understood, so what was open is not known; it was set aside as {aside.name}.",
        means="Nothing: prices do not depend on it.",
        do="What is still wrong is told as if it were new. If nobody edited that file, look at the disk.",
    )
    return State(market), [finding]


def _read_incident(found: Mapping[str, Any]) -> Incident:
    texts = {name: str(found[name]) for name in ("kind", "subject", "text", "means", "do")}
    nights = {name: _night(found[name]) for name in ("since", "found_on")}
    return Incident(
        **texts,
        **nights,
        reminders=int(found["reminders"]),
        times=int(found["times"]),
        quiet=tuple(_night(night) for night in found["quiet"]),
        closed_on=found["closed_on"] and _night(found["closed_on"]),
    )


def _night(found: str) -> str:
    return date.fromisoformat(found).isoformat()


def _open(state: State) -> tuple[Incident, ...]:
    is_open = [incident for incident in state.incidents if incident.is_open]
    return tuple(sorted(is_open, key=lambda incident: (incident.since, incident.identity)))


def _write(state: State) -> None:
    document = {
        "market": state.market,
        "night": state.night,
        "incidents": [asdict(incident) for incident in state.incidents],
        "notices": [asdict(notice) for notice in state.notices],
    }
    store.replace_text(paths.alerts(state.market), json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


@contextmanager
def _held() -> Iterator[None]:
    with store.locked(paths.DATA / "locks" / "alerts.lock"):
        yield


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _tell_disk(error: OSError) -> str:
    return f"Alerts: cannot use {error.filename or paths.ALERTS}: {error.strerror}. Make room, or let this user write there."
