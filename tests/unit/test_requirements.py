"""What the MLflow UI's environment and the pipeline's must share."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"(?m)^([a-z-]+)==([0-9.]+)", (ROOT / name).read_text()))


def test_the_ui_has_the_versions_that_wrote_its_database_and_its_models():
    locked, ui = pins("requirements.lock"), pins("docs/mlflow-ui.txt")
    assert ui.pop("mlflow") == locked["mlflow-skinny"]
    assert ui == {name: locked[name] for name in ("scikit-learn", "skops", "msgspec", "luigi")}
