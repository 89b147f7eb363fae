"""The outbox of alerts, `data/alerts/outbox/<id>.json`: messages that some channel has not taken yet.

A message is written here before any channel is tried, each channel is struck off as it succeeds, and the file goes with the last. So
a kill loses nothing, and sends again at most what was just being sent: by its id the receiver knows it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline import paths, recipients
from pipeline.errors import UserError
from pipeline.incremental import store
from pipeline.incremental.records import parse_json
from pipeline.services.channels import Channel, ChannelFailed, Message


class MessageDamaged(UserError):
    """A message that waits to be sent cannot be understood."""


@dataclass(frozen=True)
class Outgoing:
    """A message, the ids of the notices in it, the channels that have not taken it, and why each could not, since when and how often."""

    message: Message
    notices: tuple[str, ...]
    pending: tuple[str, ...]
    failed: dict[str, dict[str, Any]] = field(default_factory=dict)


def put(message: Message, notices: tuple[str, ...]) -> None:
    """Write a message for all channels that are asked for; one with a slip in its settings too, which may be mended."""
    _write(Outgoing(message, notices, tuple(recipients.choose_channels())))


def waiting() -> list[Outgoing]:
    """Return the messages that wait, the oldest first; damaged ones are left out."""
    return [outgoing for path in _files() if (outgoing := _read_or_none(path))]


def flush() -> Iterator[str]:
    """Try every channel of every message that waits, and yield a line about what was sent and what was not.

    A channel that is down is not tried again for the messages behind. Where a full disk keeps nothing, the other channels are tried
    all the same: what cannot be struck off is sent again by the next night, rather twice than never.
    """
    channels = recipients.choose_channels()
    down: set[str] = set()
    for path in _files():
        try:
            outgoing = _read(path)
        except MessageDamaged as error:
            yield f"{error} It is kept as {store.set_aside(path)}."
            continue
        for name in outgoing.pending:
            if name not in down:
                outgoing, line = _try(outgoing, name, channels.get(name), down)
                yield from (line, _keep(outgoing, path))
        if not outgoing.pending:
            path.unlink(missing_ok=True)


def tell_waiting() -> list[str]:
    """Say of each channel that has not taken messages how many, and why."""
    lines = []
    messages = waiting()
    for name in dict.fromkeys(name for outgoing in messages for name in outgoing.pending):
        behind = [outgoing for outgoing in messages if name in outgoing.pending]
        reasons = [outgoing.failed[name] for outgoing in behind if name in outgoing.failed]
        last = max(reasons, key=lambda reason: str(reason["at"]), default=None)
        why = f"{last['why']}, last tried {last['at']}" if last else "not tried yet"
        lines.append(f"{_count(len(behind))} not sent by {name}, the oldest of {behind[0].message.written_at[:10]}: {why}")
    return lines


def _try(outgoing: Outgoing, name: str, channel: Channel | None, down: set[str]) -> tuple[Outgoing, str]:
    """Return the message after an attempt, and a line about it; the channel is added to `down` where it is."""
    title = outgoing.message.title
    if channel is None:  # nobody asks for it any more
        return _strike_off(outgoing, name), ""
    try:
        remark = channel.deliver(outgoing.message)
    except ChannelFailed as error:
        if error.is_down:
            down.add(name)
        line = f"Not sent by {name} ({channel.where}): {title}: {error}. It is kept, and tried again with the next night."
        return _fail(outgoing, name, f"({channel.where}) {error}"), line
    return _strike_off(outgoing, name), f"Sent by {name} ({channel.where}): {title}" + (f"; {remark}" if remark else "")


def _keep(outgoing: Outgoing, path: Path) -> str:
    """Write down what an attempt came to; return a line where that failed."""
    try:
        _write(outgoing)
    except OSError as error:
        return f"{path} cannot be written ({error.strerror}): what was sent will be sent again."
    return ""


def _strike_off(outgoing: Outgoing, name: str) -> Outgoing:
    failed = {other: why for other, why in outgoing.failed.items() if other != name}
    return replace(outgoing, pending=tuple(other for other in outgoing.pending if other != name), failed=failed)


def _fail(outgoing: Outgoing, name: str, why: str) -> Outgoing:
    tries = outgoing.failed.get(name, {}).get("tries", 0) + 1
    failed = {"why": why, "at": datetime.now(UTC).isoformat(timespec="seconds"), "tries": tries}
    return replace(outgoing, failed={**outgoing.failed, name: failed})


def _files() -> list[Path]:
    return sorted((paths.ALERTS / "outbox").glob("[!.]*.json"))


def _read_or_none(path: Path) -> Outgoing | None:
    try:
        return _read(path)
    except MessageDamaged:
        return None


def _read(path: Path) -> Outgoing:
    try:
        found = parse_json(path.read_bytes())
        texts = {name: str(found[name]) for name in ("id", "title", "text", "written_at")}
        datetime.fromisoformat(texts["written_at"])
        failed = {str(name): {**why, "at": str(why["at"]), "tries": int(why["tries"])} for name, why in found["failed"].items()}
        message = Message(**texts, facts=dict(found["facts"]))
        return Outgoing(message, tuple(map(str, found["notices"])), tuple(map(str, found["pending"])), failed)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise MessageDamaged(f"The message {path} cannot be understood, and is not sent.") from None


def _write(outgoing: Outgoing) -> None:
    message = outgoing.message
    document = {
        "id": message.id,
        "title": message.title,
        "text": message.text,
        "written_at": message.written_at,
        "facts": dict(message.facts),
        "notices": outgoing.notices,
        "pending": outgoing.pending,
        "failed": outgoing.failed,
    }
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    store.replace_text(paths.ALERTS / "outbox" / f"{message.id}.json", text)


def _count(number: int) -> str:
    return "1 message" if number == 1 else f"{number:,} messages"
