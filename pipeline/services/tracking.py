"""Tells MLflow of a training and how it was judged, from the results and their manifests."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.services import frames, plots, registry


def record(market: str, train: Any, split: Any, evaluate: Any) -> dict[str, str]:
    """Record the training task's result as the evaluation task judged it, and say where; raises TrackingFailed."""
    manifest, evaluation = train.manifest, evaluate.folder
    metrics = json.loads((evaluation / "metrics.json").read_bytes())

    def draw(folder: Path) -> None:
        estimates, importance = (frames.read_frame(evaluation / f"{name}.parquet") for name in ("estimates", "importance"))
        plots.draw_all(estimates, importance, metrics["currency"], folder)

    training = registry.Training(
        market=market,
        fingerprint=manifest.fingerprint,
        folder=train.folder,
        started_at=manifest.started_at,
        duration_s=manifest.duration_s,
        judged_at=evaluate.manifest.started_at,
        parameters={**manifest.recipe["parameters"], **_parameters_of(split), "features": ", ".join(metrics["features"])},
        metrics=registry.plain_metrics(metrics),
        digests={
            f"{split.name}: {name}": record.sha256 for name, record in split.manifest.files.items() if name.endswith(".parquet")
        },
        draw=draw,
        card=evaluation / "card.json",
    )
    recorded = registry.record_training(training, paths.MLFLOW, paths.workspace().locks)
    return {"training": manifest.fingerprint, **asdict(recorded)}


def _parameters_of(split: Any) -> dict[str, str]:
    """Return what decided the parts that the model learnt from and was judged on: Split.test_share."""
    parameters: dict[str, str] = split.manifest.recipe["parameters"]
    return {f"{split.task_family}.{name}": value for name, value in parameters.items() if name != "market"}
