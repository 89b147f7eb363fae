"""Batch: an uploaded table of cars priced in memory, with what its reader must know of it; free of Streamlit."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from dashboard import valuing
from pipeline.car_pricing import STATUSES, count_rows, csv_writer, open_table, price_rows
from pipeline.market import Market
from pipeline.pricing import Outcome, Pricer
from pipeline.services.car_files import source_of
from pipeline.services.deliveries import stem_of
from pipeline.serving import ServedModel
from pipeline.stages import cars
from pipeline.stages.train import PriceModel

MAX_BYTES = 200_000_000  # of text, unpacked
MAX_ROWS = 200_000
KEPT = 300  # rows that are shown
_CHUNK = 5_000
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Batch:
    """A priced table: counts by status, its first rows with their outcomes, how often each reason came, columns that nobody knows, and the CSV."""

    name: str
    headers: list[str]
    counts: dict[str, int]
    first: list[tuple[list[str], Outcome]]
    reasons: Counter[str]
    unknown: dict[str, str]
    priced: bytes


def price_upload(content: bytes, name: str, served: ServedModel, market: Market, advance: Callable[[int, int], None]) -> Batch:
    """Price an uploaded table as the command `price` does, telling `advance` how many of how many rows are done. Raises CarsUnreadable."""
    shown = name.replace("\\", "/").rpartition("/")[2][-_LONGEST_NAME:]
    table = open_table(source_of(content, shown, MAX_BYTES), market)
    total = count_rows(table, MAX_ROWS)
    pricer = Pricer(served, market, table.headers, stem_of(shown))
    counts: dict[str, int] = dict.fromkeys(STATUSES, 0)
    first: list[tuple[list[str], Outcome]] = []
    reasons: Counter[str] = Counter()
    output = io.BytesIO()
    with io.TextIOWrapper(output, "utf-8", newline="", write_through=True) as stream:
        write = csv_writer(stream, table.headers, table.separator)
        for records, outcomes in price_rows(pricer, table, _CHUNK):
            write(records, outcomes)
            first.extend(list(zip(records, outcomes, strict=True))[: KEPT - len(first)])
            for outcome in outcomes:
                counts[outcome.status] += 1
                if outcome.estimate is None:
                    reasons[outcome.reason] += 1
            advance(sum(counts.values()), total)
        priced = output.getvalue()
    return Batch(shown, table.headers, counts, first, reasons, cars.name_unknown(table.headers, market), priced)


def write_template(model: PriceModel, market: Market) -> bytes:
    """Return a table with the market's own columns and one car that the model knows, the rest of it left open."""
    make = valuing.usual_make(model)
    name = valuing.list_models(model, make)[0]
    usual = {question.name: question.usual for question in valuing.list_questions(model, make, name)}
    known = {"make": make, "model": name, "year": f"{usual['year'] or model.domain.newest_year:.0f}"}
    features = market.feature_columns()
    cells: dict[str, str] = {}
    for column, terms in market.columns.items():
        if column in features:
            own = terms.headers[0] if terms.headers else column
            cells[column if own in cells else own] = known.get(column, "")
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerows([list(cells), list(cells.values())])
    return stream.getvalue().encode("utf-8-sig")
