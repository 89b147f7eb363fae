"""What holds for every number and every file of cars that someone may want priced."""

import contextlib
import csv
import io
import math
import tempfile
from collections.abc import Collection
from pathlib import Path

import pandas as pd
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.market import Column, Files
from pipeline.pricing import Pricer
from pipeline.services.car_files import open_cars
from pipeline.services.exports import guard_cell
from pipeline.serving import ServedModel
from pipeline.stages.cars import find_absent
from pipeline.stages.measures import parse_measure, parse_measures
from tests.drawing import market_of

UNITS = ("km", "hp", "l", "money", "cv", "")
measure_like = st.text("0123456789 .,'-–k mileskwhpc€$", max_size=24)
marks = st.sampled_from(".,")
MARKET = market_of(
    mileage_km=Column(headers=("mileage",), unit="mile", limits=(0, 1_000_000), parser="range"),
    fuel=Column(headers=("fuel",), values={"Essence": "petrol"}),
    first_owner=Column(headers=("first",), values={"Oui": True}),
)
HEADER = ["make", "model", "year", "mileage", "fuel", "first"]
cells = st.sampled_from(["", "Audi", "A4", "2015", "120k", "Essence", "=1+1", "--", '"', "a\nb", "12 mi - 13"]) | st.text(
    max_size=8
)
records = st.lists(st.lists(cells, min_size=1, max_size=8), max_size=12)


class Typical:
    """A model that says the same of every car."""

    words: dict[str, list[str]] = {}
    told_by_most: frozenset[str] = frozenset()

    def find_lent(self, listings: pd.DataFrame, untold: Collection[str] = ()) -> pd.DataFrame:
        return pd.DataFrame(index=listings.index)

    def appraise(self, listings: pd.DataFrame, *, unseen: bool = False, untold: Collection[str] = ()) -> pd.DataFrame:
        told = {"estimate": 10.4, "low": 8.0, "high": 12.0, "status": "priced", "reason": ""}
        return pd.DataFrame(told, index=listings.index)


SERVED = ServedModel(Typical(), "1", "models/x", "f" * 64, "")


@given(st.text() | measure_like, st.sampled_from(UNITS), marks)
@example("9" * 60, "km", ".")
def test_a_measure_is_a_finite_number_or_none_for_any_text(text, unit, mark):
    number = parse_measure(text, unit, mark)
    assert number is None or math.isfinite(number)
    ends = parse_measures(text, unit, mark)
    assert ends is None or ends[0] <= ends[1]


@given(st.integers(1, 3_000_000), st.sampled_from(["", " ", "\u202f", "'"]), marks, st.sampled_from(["", " "]))
def test_a_distance_is_the_same_in_every_way_of_writing_it(km, group, mark, blank):
    grouped = f"{km:,}".replace(",", group)
    assert parse_measure(f"{grouped}{blank}km", "km", mark, bare_factor=9.0) == km
    assert parse_measure(f"{grouped}{blank}", "km", mark) == km
    assert math.isclose(parse_measure(f"{km / 1000:.3f}{blank}k".replace(".", mark), "km", mark) or 0, km)
    assert math.isclose(parse_measure(f"{grouped}{blank}miles", "km", mark) or 0, km * 1.609344)


@settings(max_examples=150)
@given(records)
def test_every_record_has_an_outcome_in_its_place(rows):
    outcomes = Pricer(SERVED, MARKET, HEADER).price(rows)
    assert len(outcomes) == len(rows)
    for row, outcome in zip(rows, outcomes, strict=True):
        assert (outcome.status == "unreadable") == (len(row) != len(HEADER))
        assert (outcome.estimate is None) == (outcome.status != "priced")
        assert outcome.estimate is not None or outcome.reason
        assert outcome == Pricer(SERVED, MARKET, HEADER).price([row])[0]


@settings(max_examples=200)
@given(st.text(max_size=200) | records.map(lambda rows: "\n".join(map(",".join, [HEADER, *rows]))))
@example("make,model,year\n\x03\n")
def test_every_row_of_any_text_comes_out_or_the_text_is_refused(text):
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(UserError):
        path = Path(folder, "cars.csv")
        path.write_bytes(text.encode())
        found = open_cars(path, Files(), lambda headers: find_absent(headers, MARKET, {}))
        read = [record for chunk in found.read_chunks(5) for record in chunk]
        plain = io.StringIO(text.lstrip("\ufeff\r\n"), newline="")
        expected = [record for record in csv.reader(plain, delimiter=found.separator) if record][1:]
        assert read == expected
        assert len(Pricer(SERVED, MARKET, found.headers).price(read)) == len(expected)


@given(st.text() | measure_like)
def test_a_guarded_cell_is_itself_or_itself_behind_an_apostrophe_and_is_not_guarded_again(text):
    guarded = guard_cell(text)
    assert guarded in (text, f"'{text}")
    assert guard_cell(guarded) == guarded
