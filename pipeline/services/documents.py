"""Small JSON documents with one spelling, so that equal content means equal bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.incremental.records import parse_json


def write_document(document: Any, path: Path) -> None:
    """Write a document with sorted keys; refuses NaN, which is not JSON."""
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_document(path: Path) -> Any:
    """Read a document."""
    return parse_json(path.read_bytes())
