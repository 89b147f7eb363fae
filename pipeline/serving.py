"""Which model answers for a market, and the facts by which its prices can be told from another's."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from pipeline.current import read_current
from pipeline.errors import UserError
from pipeline.incremental.errors import ResultDamaged
from pipeline.incremental.manifest import Manifest
from pipeline.services.models import ModelUnreadable, load_model


class NoModel(UserError):
    """The market has no trained model yet."""

    exit_code = 2


@dataclass(frozen=True)
class ServedModel:
    """A loaded model with its result's folder and fingerprint, the newest night it rests on ("": undated), and its standing."""

    model: Any
    folder: str
    fingerprint: str
    as_of: str
    note: str = "by the current model, not a promoted one"

    def facts(self) -> dict[str, str]:
        """Return all but the model."""
        return {"folder": self.folder, "fingerprint": self.fingerprint, "as_of": self.as_of, "note": self.note}

    def tell(self) -> str:
        """Return the facts for a person."""
        return f"{self.folder}, as of {self.as_of or 'undated deliveries'}; {self.note}"


def resolve_model(market: str) -> ServedModel:
    """Load the model that answers for a market: that of its current results.

    Raises NoModel where there is none, ResultDamaged where it was altered, ModelUnreadable where other library versions
    made it; nothing is loaded before that is known.
    """
    current = read_current(market)
    place = current.stages.get("train") if current else None
    if current is None or place is None:
        raise NoModel(f"There is no model of {market} yet. Run `luigi --module pipeline Evaluate --market {market}` first.")
    folder = Path(place)
    manifest = Manifest.read(folder)
    if manifest is None:
        raise ResultDamaged(
            f"{folder} is gone or holds no manifest. Run `luigi --module pipeline Evaluate --market {market}` to rebuild it."
        )
    _refuse_other_versions(manifest, folder, market)
    return ServedModel(load_model(folder), folder.as_posix(), manifest.fingerprint, current.as_of)


def _refuse_other_versions(manifest: Manifest, folder: Path, market: str) -> None:
    try:
        made_by = dict(manifest.recipe["libraries"])
    except (KeyError, TypeError, ValueError):
        raise ResultDamaged(f"{folder} does not say which libraries made it; run the pipeline again to rebuild it.") from None
    pairs = {name: (version, _installed(name)) for name, version in sorted(made_by.items())}
    other = [f"{name} {made} (installed: {now})" for name, (made, now) in pairs.items() if made != now]
    if other:
        raise ModelUnreadable(
            f"{folder} was made by {', '.join(other)}. Install those versions, or train it again: "
            f"`luigi --module pipeline Evaluate --market {market}`."
        )


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"
