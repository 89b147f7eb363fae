"""Where everything lies, relative to the project root that commands are run from."""

from functools import cache
from pathlib import Path

from pipeline import settings
from pipeline.incremental.workspace import Workspace

PACKAGE = Path(__file__).parent
DATA = Path("data")
MODELS = Path("models")
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
    """Return the folders that may describe a market, the user's own first."""
    own = settings.pipeline().markets
    return [*([Path(own)] if own else []), PACKAGE / "markets"]


def current(market: str) -> Path:
    """Return the pointer to the last good results of a market."""
    return DATA / "current" / f"{market}.json"
