"""The scores of the night before, which today's ratings start from: found from `current` backwards, each result naming the one before it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.current import read_current
from pipeline.incremental.manifest import Manifest

STAGE = "score"
FILE = "scores.parquet"


@dataclass(frozen=True)
class Former:
    """A result of Score and the night that it is for."""

    place: str
    night: str


def find_former(market: str, night: str) -> dict[str, Any] | None:
    """Return place and night of the market's newest scores for an earlier night, as plain values; None where there are none.

    Usually those are the current ones. Where the current ones are for this very night or a later one, the way back leads through what
    each result recorded as its own before, so that a rerun starts from what the first run started from. A damaged
    result is passed over; where the current one cannot even be read, the newest of all results stands in.
    """
    current = read_current(market)
    place = current.stages.get(STAGE) if current else None
    while place:
        manifest = Manifest.read(Path(place))
        if manifest is None:
            return _search(market, night)
        found = Former(place, _night_of(manifest))
        if found.night < night and is_whole(place):
            return asdict(found)
        place = before(place)
    return None


def before(place: str) -> str | None:
    """Return the place that the scores in a place started from; None where there was none or it cannot be read."""
    manifest = Manifest.read(Path(place))
    recorded = manifest.recipe["settings"]["before"] if manifest else None
    return recorded["place"] if recorded else None


def is_whole(place: str) -> bool:
    """Say whether a result is undamaged."""
    manifest = Manifest.read(Path(place))
    return manifest is not None and not manifest.damage(Path(place), paths.workspace().files)


def _search(market: str, night: str) -> dict[str, Any] | None:
    found: list[tuple[str, str, str]] = []
    for path in (paths.DATA / STAGE).glob("[!.]*/" + "manifest.json"):
        manifest = Manifest.read(path.parent)
        if (
            manifest
            and manifest.recipe["parameters"]["market"] == market
            and _night_of(manifest) < night
            and is_whole(path.parent.as_posix())
        ):
            found.append((_night_of(manifest), manifest.started_at, path.parent.as_posix()))
    return asdict(Former(place=max(found)[2], night=max(found)[0])) if found else None


def _night_of(manifest: Manifest) -> str:
    return str(manifest.recipe["settings"]["night"])
