"""The pointer to the last good results of a market: `data/current/<market>.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date

from pipeline import paths
from pipeline.errors import UserError
from pipeline.incremental import store
from pipeline.incremental.records import is_below, parse_json
from pipeline.incremental.workspace import run_id


class PointerDamaged(UserError):
    """A pointer cannot be understood, so that nobody knows what is current."""


@dataclass(frozen=True)
class Current:
    """What is current: the newest night it rests on ("" in undated markets), the run, and a folder per stage."""

    market: str
    as_of: str
    run: str
    stages: dict[str, str]


def read_current(market: str) -> Current | None:
    """Read the pointer of a market; None when there is none or it is damaged, which moving it mends."""
    try:
        return read_pointer(market)
    except PointerDamaged:
        return None


def read_pointer(market: str) -> Current | None:
    """Read the pointer of a market; None when there is none. Raises PointerDamaged."""
    path = paths.current(market)
    try:
        current: Current = parse_json(path.read_bytes(), Current)
        if current.as_of:
            date.fromisoformat(current.as_of)
        is_right = all(map(is_below, current.stages.values()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        is_right = False
    if not is_right:
        raise PointerDamaged(f"{path} cannot be understood. The next run of Evaluate for {market} writes it anew.")
    return current


def points_to(market: str, as_of: date | None, stages: Mapping[str, str]) -> bool:
    """Say whether the pointer already names these results, as of that night where one is asked for."""
    current = read_current(market)
    is_of_night = current is not None and (as_of is None or current.as_of == as_of.isoformat())
    return current is not None and is_of_night and stages.items() <= current.stages.items()


def move_current(market: str, night: str, stages: Mapping[str, str], as_of: date | None) -> bool:
    """Point to these results, leaving what other stages are pointed to as it is; False where that would be a step back."""
    path = paths.current(market)
    with store.locked(paths.workspace().locks / f"current-{market}.lock"):
        if is_past(market, as_of):
            return False
        before = read_current(market)
        kept = before.stages if before else {}
        latest = max(night, before.as_of) if before else night
        now = Current(market, latest, run_id(), {**kept, **stages})
        store.replace_text(path, json.dumps(asdict(now), indent=1, sort_keys=True) + "\n")
    return True


def is_past(market: str, as_of: date | None) -> bool:
    """Say whether a run as of that night lies before what is current: such a run never drags the present back."""
    current = read_current(market) if as_of else None
    return current is not None and bool(current.as_of) and str(as_of) < current.as_of
