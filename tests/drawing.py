"""Inputs of tests, drawn as small tables: a header line, then one line per row, cells between bars."""

import pandas as pd

from pipeline import listing
from pipeline.market import Column, Market
from pipeline.stages.ingest import Intake, ingest_rows

_DTYPES = {"number": "float64", "boolean": "boolean"}
_PLAIN = {"interval": "float64"}


def draw_cells(drawing: str) -> pd.DataFrame:
    """Return the text cells of a drawn delivery, rows numbered from 1."""
    header, *rows = [[cell.strip() for cell in line.split("|")] for line in drawing.strip().splitlines()]
    return pd.DataFrame(rows, columns=header, index=pd.RangeIndex(1, len(rows) + 1, name="row"), dtype="str")


def draw_listings(drawing: str, **more: object) -> pd.DataFrame:
    """Return drawn listings, each column of its canonical kind; an empty cell is missing. `more` adds columns."""
    cells = draw_cells(drawing).reset_index(drop=True)
    columns = {name: _typed(name, cells[name]) for name in cells}
    return pd.DataFrame(columns).assign(**more)


def market_of(**columns: Column) -> Market:
    """Return a market with the columns that every market needs, under their own names, and these."""
    needed = {name: Column(headers=(name,), required=True) for name in listing.ALWAYS_REQUIRED}
    return Market(title="Drawn", currency="EUR", columns={**needed, **columns})


def ingest(cells: pd.DataFrame | str, market: Market | None = None, **named: str) -> Intake:
    """Ingest drawn cells that all fit the header."""
    rows = draw_cells(cells) if isinstance(cells, str) else cells
    return ingest_rows(rows, [], market or market_of(), named)


def _typed(name: str, cells: pd.Series) -> pd.Series:
    known = cells.where(cells != "")
    kind = listing.COLUMNS.get(name, "text")
    if kind == "boolean":
        return known.map({"yes": True, "no": False}).astype("boolean")
    return known.astype(_DTYPES.get(kind, "str"))
