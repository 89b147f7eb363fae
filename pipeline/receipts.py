"""Receipts: a file for each evaluation that MLflow was told of, written last. Asking for one never asks MLflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from pipeline import paths, settings
from pipeline.incremental import store
from pipeline.incremental.records import parse_json
from pipeline.incremental.workspace import KEY_LENGTH

FOLDER = "receipts"


def is_recorded(evaluation: Path) -> bool:
    """Say whether MLflow was told of the evaluation in that result folder, by a receipt that names the version, and still has the database."""
    return "version" in (read_receipt(evaluation) or {}) and paths.MLFLOW_DATABASE.exists()


def write_receipt(evaluation: Path, recorded: Mapping[str, str]) -> None:
    """Keep where MLflow has it."""
    store.replace_text(_place(evaluation), json.dumps(recorded, indent=1, sort_keys=True) + "\n")


def read_receipt(evaluation: Path) -> dict[str, str] | None:
    """Return where MLflow has the evaluation; None where it was not told, or the receipt is damaged."""
    try:
        found: dict[str, str] = parse_json(_place(evaluation).read_bytes(), dict[str, str])
    except (OSError, ValueError):
        return None
    return found


def link(evaluation: Path) -> str | None:
    """Return the address of the training's run in the MLflow UI; None where it is not known, or no UI is set."""
    ui, found = settings.pipeline().mlflow_ui, read_receipt(evaluation) or {}
    if not ui or not found.keys() >= {"experiment_id", "run_id"}:  # a receipt of before there were links
        return None
    experiment, run = (quote(str(found[name]), safe="") for name in ("experiment_id", "run_id"))
    return f"{ui}/#/experiments/{experiment}/runs/{run}"


def drop_receipt(evaluation: Path) -> None:
    """Drop the receipt of a result that is gone."""
    _place(evaluation).unlink(missing_ok=True)


def drop_receipts_of(models: set[str]) -> None:
    """Drop the receipts of models that go, by their folders' names: built again, they are registered again."""
    for path in (paths.MLFLOW / FOLDER).glob("*.json"):
        found = read_receipt(path.with_suffix(""))
        if found is None or found.get("training", "")[:KEY_LENGTH] in models:
            path.unlink(missing_ok=True)


def _place(evaluation: Path) -> Path:
    return paths.MLFLOW / FOLDER / f"{evaluation.name}.json"
