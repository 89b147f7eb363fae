"""The champion of a market, `data/champion/<market>.json`, and the journal of every decision about it.

The file is the truth: it is replaced by rename, and holds the last decision in full. What follows from it (the line in the
journal, MLflow's aliases) is told again by `settle` until a receipt says that it was.
"""

from __future__ import annotations

import getpass
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from pipeline import paths
from pipeline.contender import KEPT, PROMOTED, REFUSED, Contender
from pipeline.errors import UserError
from pipeline.incremental import store
from pipeline.incremental.manifest import Manifest
from pipeline.incremental.records import is_below, parse_json

PROMOTE = "promote"
VERDICT = "verdict.json"
OUTCOMES = (PROMOTED, REFUSED, KEPT)
_BAR = {"fingerprint", "who", "at", "why"}
_PAST = '{"past": true}\n'


class ChampionDamaged(UserError):
    """The file that names the champion cannot be understood, so that nobody knows which model prices."""


class JournalDamaged(UserError):
    """A line of the journal cannot be understood; it is never written over."""


class ChampionMoved(UserError):
    """Another promotion or rollback came between a verdict and what follows from it."""


@dataclass(frozen=True)
class Seat(Contender):
    """A model that is or was champion: with the results that judged it and that say what it learnt from, and when it was promoted."""

    evaluation: str
    split: str
    promoted_on: str

    def contender(self) -> Contender:
        """Return what a verdict must know of it."""
        return Contender(self.version, self.fingerprint, self.folder, self.data_as_of, self.n_learnt, self.trained_until)

    @property
    def model_file(self) -> Path:
        """The file of the model."""
        return Path(self.folder) / "model.skops"

    @property
    def learnt_file(self) -> Path:
        """The file of the listings that it learnt from."""
        return Path(self.split) / "train.parquet"


@dataclass(frozen=True)
class Champion:
    """Who is champion as of which night; whom it met when it was promoted, and as of when ("": by rollback).

    `earlier`: former champions, the oldest first. `barred`: versions that no run may promote, each with its fingerprint, who barred it, when
    and why. `decision`: the last line of the journal that changed this file.
    """

    market: str
    as_of: str
    seat: Seat
    met: Seat | None
    promoted_as_of: str
    earlier: tuple[Seat, ...] = ()
    barred: dict[str, dict[str, str]] = field(default_factory=dict)
    decision: dict[str, Any] = field(default_factory=dict)


def read_champion(market: str) -> Champion | None:
    """Read who is champion; None where nobody is yet. Raises ChampionDamaged."""
    path = paths.champion(market)
    try:
        found = parse_json(path.read_bytes(), dict[str, Any])
        seat = {"version": found["version"], "fingerprint": found["fingerprint"], **found["model"]}
        return _checked(msgspec.convert({**found, "seat": seat}, Champion))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError):
        raise ChampionDamaged(
            f"{path} cannot be understood, so nobody knows which model prices {market}. Bring it back from a backup; "
            f"{paths.journal(market)} tells who was champion. Moved away, the next model is judged as the market's first."
        ) from None


def _checked(champion: Champion) -> Champion:
    """Return what may be acted on. Raises ValueError, KeyError."""
    date.fromisoformat(champion.as_of)
    for seat in (champion.seat, *filter(None, [champion.met]), *champion.earlier):
        if not is_version(seat.version) or not all(map(is_below, (seat.folder, seat.evaluation, seat.split))):
            raise ValueError(f"version {seat.version} names no results")
        date.fromisoformat(seat.promoted_on)
        date.fromisoformat(seat.data_as_of or champion.as_of)
    if not all(bar.keys() >= _BAR for bar in champion.barred.values()):
        raise ValueError("a bar is not whole")
    if champion.decision and not all(isinstance(champion.decision[key], str) for key in ("id", "at")):
        raise ValueError("the decision is not whole")
    return champion


def holder_on(champion: Champion | None, night: str) -> Seat | None:
    """Return who was champion when a night was over: a night that is made again is priced by whom it was priced by."""
    if champion is None or night >= champion.as_of:
        return champion.seat if champion else None
    return _newest(seat for seat in (*champion.earlier, champion.seat) if seat.promoted_on <= night)


def opponent(champion: Champion | None, night: str, challenger: str | None) -> Seat | None:
    """Return whom a challenger, by its fingerprint, meets on a night: the champion of that time, or whom that one met.

    The latter where the challenger is that champion and was promoted this very night, so that a rerun finds the verdict. One that is not fitted yet (None) is taken for that one: it could come out the same.
    """
    if champion is None:
        return None
    if night >= champion.as_of:
        is_rerun = champion.promoted_as_of == night and challenger in (None, champion.seat.fingerprint)
        return champion.met if is_rerun else champion.seat
    seats = (*champion.earlier, champion.seat)
    return _newest(
        seat
        for seat in seats
        if seat.promoted_on < night or (seat.promoted_on == night and challenger not in (None, seat.fingerprint))
    )


def _newest(seats: Iterable[Seat]) -> Seat | None:
    """Return the seat that was promoted last, the later of two on one night."""
    return max(reversed(tuple(seats)), key=lambda seat: seat.promoted_on, default=None)


def bars(champion: Champion | None) -> dict[str, str]:
    """Return why each barred training may not be promoted, by its fingerprint."""
    barred = champion.barred.values() if champion else ()
    return {bar["fingerprint"]: f"by {bar['who']} on {bar['at'][:10]}: {bar['why']}" for bar in barred}


@contextmanager
def held(market: str) -> Iterator[None]:
    """Hold what whoever moves the champion must hold: two at once would each undo the other's."""
    with store.locked(paths.workspace().locks / f"champion-{market}.lock"):
        yield


def apply_verdict(market: str, place: Path, challenger: Seat, *, is_past: bool = False) -> str:
    """Do what a committed verdict says, once, and return what became of it in words; the caller then settles the market.

    A verdict as of a night before the champion's, or where later nights are done (`is_past`), changes nothing: it says what would have been decided.
    Raises ChampionMoved where the champion is no longer the one that was met.
    """
    verdict = json.loads((place / VERDICT).read_bytes())
    with held(market):
        champion = read_champion(market)
        if is_past or (champion and verdict["night"] < champion.as_of):
            return f"would have been {verdict['outcome']}; later nights are done, and the champion stays"
        if verdict["outcome"] != PROMOTED or (champion and champion.seat.fingerprint == challenger.fingerprint):
            return str(verdict["outcome"])
        met, now = verdict["champion"], champion.seat.fingerprint if champion else None
        if (met["fingerprint"] if met else None) != now:
            raise ChampionMoved(
                f"The champion of {market} changed after this verdict was made. Run again: the challenger meets the new one."
            )
        decision = _numbered(_entry(market, verdict, place))
        former = [seat for seat in (*champion.earlier, champion.seat) if seat.version != challenger.version] if champion else []
        _write(
            Champion(
                market,
                verdict["night"],
                challenger,
                champion.seat if champion else None,
                verdict["night"],
                tuple(former),
                champion.barred if champion else {},
                decision,
            )
        )
    return PROMOTED


def roll_back(market: str, champion: Champion, target: Seat, reason: str) -> Champion:
    """Make a former champion the champion and bar the one it takes the place of; the caller holds the market."""
    left = champion.seat
    entry: dict[str, Any] = {
        **_stamp(),
        "market": market,
        "what": "rolled back",
        "as_of": champion.as_of,
        "from": left.version,
        "to": target.version,
        "bars": left.version,
        "why": [reason],
    }
    bar = {"fingerprint": left.fingerprint, "who": entry["who"], "at": entry["at"], "why": reason}
    earlier = tuple(seat for seat in (*champion.earlier, left) if seat.version != target.version)
    moved = replace(
        champion,
        seat=target,
        met=None,
        promoted_as_of="",
        earlier=earlier,
        barred={**champion.barred, left.version: bar},
        decision=_numbered(entry),
    )
    _forget_receipts(market)
    _write(moved)
    return moved


def lift(market: str, champion: Champion, version: str, reason: str) -> Champion:
    """Lift the bar of a version; the caller holds the market."""
    entry = {
        **_stamp(),
        "market": market,
        "what": "lifted",
        "as_of": champion.as_of,
        "lifts": version,
        "why": [reason] if reason else [],
    }
    barred = {name: bar for name, bar in champion.barred.items() if name != version}
    lifted = replace(champion, barred=barred, decision=_numbered(entry))
    _forget_receipts(market)
    _write(lifted)
    return lifted


def _forget_receipts(market: str) -> None:
    """Let tonight's verdicts be acted on again: what a rollback or a lift leaves may be what an earlier verdict met."""
    for receipt in (paths.DATA / "champion" / "receipts").glob(f"{market}-*.json"):
        if receipt.read_text(encoding="utf-8") != _PAST:
            receipt.unlink()


def settle(market: str) -> None:
    """Tell the journal what it was not told yet: of the last change of the champion, and of committed verdicts."""
    with held(market):
        known = {entry.get("id") for entry in read_journal(market)}
        champion = read_champion(market)
        entries = [champion.decision] if champion and champion.decision else []
        for place in _verdicts(market):
            if place.name not in known and not is_past(market, place):
                entries.extend(_refusal(market, place, champion))
        new = [entry for entry in entries if entry["id"] not in known]
        if new:
            lines = [*read_journal(market), *sorted(new, key=lambda entry: str(entry["at"]))]
            text = "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in lines)
            store.replace_text(paths.journal(market), text)


def _refusal(market: str, place: Path, champion: Champion | None) -> list[dict[str, Any]]:
    """Return what the journal is to say of a verdict that moved nothing; nothing of a damaged one, which the next run builds again."""
    try:
        verdict = parse_json((place / VERDICT).read_bytes(), dict)
        if verdict["outcome"] in (KEPT, PROMOTED) or (champion and verdict["night"] < champion.as_of):
            return []
        return [_entry(market, verdict, place)]
    except (ValueError, KeyError, TypeError):
        return []


def read_journal(market: str) -> list[dict[str, Any]]:
    """Return every promotion, refusal, rollback, bar and lift, the oldest first. Raises JournalDamaged."""
    path, entries = paths.journal(market), []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    for number, line in enumerate(lines, start=1):
        try:
            entries.append(parse_json(line, dict[str, Any]))
        except ValueError:
            raise JournalDamaged(
                f"{path}, line {number} cannot be understood: {line[:60]!r}. Mend it, or move the file away: a new one is begun."
            ) from None
    return entries


def is_settled(market: str, place: Path) -> bool:
    """Say whether everything that follows from a verdict was done; asks neither journal nor MLflow."""
    return _receipt(market, place).exists()


def write_receipt(market: str, place: Path, *, is_past: bool = False) -> None:
    """Write down that everything that follows from a verdict was done; nothing follows from one on a night that had passed."""
    store.replace_text(_receipt(market, place), _PAST if is_past else "{}\n")


def is_past(market: str, place: Path) -> bool:
    """Say whether a verdict only says what would have been decided."""
    with suppress(OSError, UnicodeDecodeError):
        return _receipt(market, place).read_text(encoding="utf-8") == _PAST
    return False


def drop_receipts(place: Path) -> None:
    """Drop the receipt of a verdict that is gone."""
    for receipt in (paths.DATA / "champion" / "receipts").glob(f"*-{place.name}.json"):
        receipt.unlink()


def needed_places() -> set[str]:
    """Name the results that champions, and former ones that a rollback may bring back, rest on. Raises ChampionDamaged."""
    markets = [path.stem for path in (paths.DATA / "champion").glob("[!.]*.json")]
    champions = [champion for market in markets if (champion := read_champion(market))]
    return {
        place
        for champion in champions
        for seat in (champion.seat, *champion.earlier)
        for place in (seat.folder, seat.evaluation, seat.split)
    }


def versions(market: str) -> dict[str, Seat]:
    """Return the champion and the former ones by version."""
    champion = read_champion(market)
    return {seat.version: seat for seat in (champion.seat, *champion.earlier)} if champion else {}


def is_version(told: object) -> bool:
    """Say whether something is a number that the registry may have given: text of a few digits."""
    return isinstance(told, str) and re.fullmatch("[0-9]{1,9}", told) is not None


def highest_version(market: str) -> int:
    """Return the highest version that the journal or the champion's file knows: a number once given is never given again."""
    champion = read_champion(market)
    told = [entry.get(key) for entry in read_journal(market) for key in ("from", "to", "version")]
    known = [*told, *(versions(market) if champion else ()), *(champion.barred if champion else ())]
    return max((int(version) for version in known if is_version(version)), default=0)


def _entry(market: str, verdict: Mapping[str, Any], place: Path) -> dict[str, Any]:
    met = verdict["champion"]
    return {
        **_stamp(),
        "id": place.name,
        "market": market,
        "what": verdict["outcome"],
        "as_of": verdict["night"],
        "version": verdict["challenger"]["version"],
        "from": met["version"] if met else None,
        "to": verdict["challenger"]["version"] if verdict["outcome"] == PROMOTED else None,
        "why": [reason["text"] for reason in verdict["reasons"] if reason["passed"] == (verdict["outcome"] == PROMOTED)],
        "verdict": place.as_posix(),
    }


def _numbered(entry: dict[str, Any]) -> dict[str, Any]:
    """Name a decision by its moment: one verdict may be acted on twice, with a rollback and a lift between."""
    return {**entry, "id": f"{entry['what']} {entry['at']}"}


def _stamp() -> dict[str, str]:
    return {"at": datetime.now(UTC).isoformat(timespec="microseconds"), "who": _user()}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in some containers
        return f"user {os.getuid()}"


def _verdicts(market: str) -> list[Path]:
    found = []
    for path in (paths.DATA / PROMOTE).glob("[!.]*/manifest.json"):
        manifest = Manifest.read(path.parent)
        if manifest and manifest.recipe["parameters"]["market"] == market and (path.parent / VERDICT).exists():
            found.append((manifest.started_at, path.parent))
    return [place for _, place in sorted(found)]


def _write(champion: Champion) -> None:
    model = asdict(champion.seat)
    document = {
        **asdict(champion),
        "version": model.pop("version"),
        "fingerprint": model.pop("fingerprint"),
        "model": model,
    }
    del document["seat"]
    store.replace_text(paths.champion(champion.market), json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def _receipt(market: str, place: Path) -> Path:
    return paths.DATA / "champion" / "receipts" / f"{market}-{place.name}.json"
