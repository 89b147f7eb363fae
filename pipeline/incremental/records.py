"""Reads JSON files that a crash, a disk or a person may have spoilt: what is not of the kind it should be is one error."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import msgspec


def parse_json(content: bytes | str, kind: Any = Any) -> Any:
    """Return what a JSON text says, as a value of `kind`. Raises ValueError for whatever else it is, however deep, long or odd."""
    try:
        return msgspec.json.decode(content, type=kind)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def is_below(place: str) -> bool:
    """Say whether a path stays below the folder that it starts from, and can be one at all."""
    path = PurePosixPath(place)
    return bool(place) and not path.is_absolute() and ".." not in path.parts and place.isprintable()
