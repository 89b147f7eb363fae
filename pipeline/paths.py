"""Where everything lies, relative to the project root that commands are run from."""

import os
from functools import cache
from pathlib import Path

from pipeline import settings
from pipeline.errors import UsageWrong
from pipeline.incremental.workspace import Workspace

PACKAGE = Path(__file__).parent
DATA = Path("data")
MODELS = Path("models")
LOGS = DATA / "logs"
ALERTS = DATA / "alerts"
MLFLOW = DATA / "mlflow"
MLFLOW_DATABASE = MLFLOW / "mlflow.db"


@cache
def workspace() -> Workspace:
    """Return this process's view of the project; the incremental layer is versioned by hand."""
    return Workspace("pipeline", PACKAGE, DATA, skipped=("pipeline.incremental",), more_results=(MODELS,))


def deliveries(market: str) -> Path:
    """Return the folder of a market's deliveries."""
    return Path(settings.pipeline().raw) / market


def market_folders() -> list[Path]:
    """Return the folders that may describe a market, the user's own first; raises UsageWrong where that cannot be read."""
    own = settings.pipeline().markets
    if own and not (os.path.isdir(own) and os.access(own, os.R_OK | os.X_OK)):  # noqa: PTH112  # Path's may raise
        raise UsageWrong(
            f"--pipeline-markets {own!r}, or [pipeline] markets in luigi.cfg, is no folder that this user may read. "
            "Name one with market TOML files, or leave it out."
        )
    return [*([Path(own)] if own else []), PACKAGE / "markets"]


def markets() -> list[str]:
    """Name the markets that have deliveries or results, or else the one that is meant when none is named."""
    described = {path.stem for folder in market_folders() for path in folder.glob("*.toml")}
    return sorted(name for name in described if current(name).exists() or deliveries(name).is_dir()) or [
        settings.pipeline().market
    ]


def current(market: str) -> Path:
    """Return the pointer to the last good results of a market."""
    return DATA / "current" / f"{market}.json"


def champion(market: str) -> Path:
    """Return the file that names a market's champion."""
    return DATA / "champion" / f"{market}.json"


def journal(market: str) -> Path:
    """Return the journal of every decision about a market's champion."""
    return DATA / "journal" / f"{market}.jsonl"


def alerts(market: str) -> Path:
    """Return the file of a market's incidents."""
    return ALERTS / f"{market}.json"


def alerts_journal(market: str) -> Path:
    """Return the journal of all that was told of a market's incidents."""
    return ALERTS / f"{market}.jsonl"
