"""A champion that today's code understands otherwise than the code that fitted it prices nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.incremental.digests import digest_file, digest_value
from pipeline.incremental.manifest import FileRecord, Manifest
from pipeline.services.answers import ANSWERS_FILE, refuse_other_answers, write_answers
from pipeline.services.models import ModelUnreadable


class Model:
    """Says a price for each year."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def estimate(self, listings: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"estimate": self.factor * (listings["year"] - 1990)})


class Broken:
    """Was fitted by code that called things otherwise."""

    def estimate(self, listings: pd.DataFrame) -> pd.DataFrame:
        raise AttributeError(f"no such thing, of {len(listings)} cars")


class Odd:
    """Says another price of one car in ten, as another processor may."""

    def estimate(self, listings: pd.DataFrame) -> pd.DataFrame:
        said = Model().estimate(listings)
        said.iloc[::10] *= 1.01
        return said


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    listings = pd.DataFrame({"year": np.arange(2000.0, 2100.0), "make": pd.Series(["a"] * 100, dtype="str")})
    write_answers(Model(), listings, tmp_path)
    path = tmp_path / ANSWERS_FILE
    record = FileRecord(digest_file(path), path.stat().st_size, path.stat().st_mtime_ns)
    Manifest("Train", digest_value({}), {}, {ANSWERS_FILE: record}, "run", "2024-01-01T00:00:00+00:00", 1.0).write(tmp_path)
    return tmp_path


def test_cars_from_the_first_to_the_last_are_asked(folder):
    told = pd.read_parquet(folder / ANSWERS_FILE)
    assert len(told) == 16
    assert (told["year"].min(), told["year"].max()) == (2000, 2099)


@pytest.mark.parametrize("model", [Model(), Model(1 + 1e-6), Odd()], ids=["the same", "other arithmetic", "another leaf"])
def test_a_model_that_says_what_it_said_is_served(folder, model):
    refuse_other_answers(model, folder)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Model(2), "it says [0-9]+ of a car of which it said [0-9]+ when it was fitted"),
        (Model(float("nan")), "it says nan of a car"),
        (Broken(), "cannot ask it .AttributeError: no such thing, of 16 cars"),
    ],
    ids=["other prices", "no prices", "fails"],
)
def test_a_model_that_says_something_else_is_refused_with_what_to_do(folder, model, message):
    with pytest.raises(ModelUnreadable, match=f"{message}.*Train it again, or bring back the version"):
        refuse_other_answers(model, folder)


def test_a_model_of_a_market_of_one_car_has_its_answer(tmp_path):
    write_answers(Model(), pd.DataFrame({"year": [2001.0]}), tmp_path)
    assert len(pd.read_parquet(tmp_path / ANSWERS_FILE)) == 1
