"""Which model answers for a market, and the facts by which its prices can be told from another's: the one place that resolves it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from pipeline.champion import Seat, read_champion
from pipeline.errors import UserError
from pipeline.incremental.errors import ResultDamaged
from pipeline.incremental.manifest import Manifest
from pipeline.services.answers import refuse_other_answers
from pipeline.services.models import ModelUnreadable, load_model


class NoChampion(UserError):
    """The market has no champion yet, so that nothing may price."""

    exit_code = 2


class ChampionUnusable(UserError):
    """There is a champion, and it cannot price: it is never replaced without a word."""


@dataclass(frozen=True)
class ServedModel:
    """A loaded model with its version, its result's folder and fingerprint, the newest night it rests on ("": undated), and why it is stale."""

    model: Any
    version: str
    folder: str
    fingerprint: str
    as_of: str
    stale: str = ""

    def facts(self) -> dict[str, str]:
        """Return all but the model."""
        return {
            "version": self.version,
            "folder": self.folder,
            "fingerprint": self.fingerprint,
            "as_of": self.as_of,
            "stale": self.stale,
        }

    def tell(self) -> str:
        """Return the facts for a person."""
        named = (
            f"version {self.version}, data as of {self.as_of or 'undated deliveries'}, {self.fingerprint[:16]} in {self.folder}"
        )
        return f"{named}; STALE: {self.stale}" if self.stale else named


def resolve_model(market: str) -> ServedModel:
    """Load the champion of a market.

    Raises NoChampion where there is none, ChampionUnusable where it is gone, altered or made by other versions of the libraries (nothing is
    loaded before that is known) or of the pipeline.
    """
    champion = read_champion(market)
    if champion is None:
        raise NoChampion(
            f"There is no champion of {market} yet, so nothing may price. `luigi --module pipeline Nightly --market {market}` judges a model; "
            "`python -m pipeline status` says whether one was refused, and why."
        )
    return load_seat(market, champion.seat)


def load_seat(market: str, seat: Seat, columns: Iterable[str] | None = None) -> ServedModel:
    """Load a champion or a former one; `columns` are those of the listings it shall price. Raises ChampionUnusable."""
    folder = Path(seat.folder)
    try:
        manifest = Manifest.read(folder)
        if manifest is None:
            raise ResultDamaged(f"{folder} is gone or holds no manifest.")  # noqa: TRY301  # told below like the others
        if manifest.fingerprint != seat.fingerprint:
            raise ResultDamaged(f"{folder} holds another model than the one that was promoted.")  # noqa: TRY301
        _refuse_other_versions(manifest, folder)
        model = load_model(folder)
        refuse_other_answers(model, folder)
        if columns is not None and (missing := sorted(set(model.choice.columns) - set(columns))):
            raise ResultDamaged(f"it wants columns that the market no longer gives: {', '.join(missing)}.")  # noqa: TRY301
    except (ResultDamaged, ModelUnreadable) as error:
        raise ChampionUnusable(
            f"Version {seat.version} is the champion of {market} and cannot price: {error} It is not replaced by default. Mend that, or "
            f"make an earlier champion the champion with `python -m pipeline rollback --market {market} --reason …`, or let the next model "
            f"be judged as the market's first: `luigi --module pipeline Promote --market {market} --Promote-replace-unusable`."
        ) from None
    return ServedModel(model, seat.version, folder.as_posix(), manifest.fingerprint, seat.data_as_of)


def _refuse_other_versions(manifest: Manifest, folder: Path) -> None:
    try:
        made_by = dict(manifest.recipe["libraries"])
    except (KeyError, TypeError, ValueError):
        raise ResultDamaged(f"{folder} does not say which libraries made it.") from None
    pairs = {name: (version, _installed(name)) for name, version in sorted(made_by.items())}
    other = [f"{name} {made} (installed: {now})" for name, (made, now) in pairs.items() if made != now]
    if other:
        raise ModelUnreadable(f"{folder} was made by {', '.join(other)}. Install those versions to use it.")


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"
