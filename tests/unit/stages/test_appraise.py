"""A price, or why there is none."""

import numpy as np
import pandas as pd
import pytest

from pipeline.stages.appraise import appraise
from pipeline.stages.train import Hyperparameters, fit_model
from tests.drawing import draw_listings

CARS = "make | model | year | price\n" + "\n".join(
    f"{make} | {model} | {2000 + number % 20} | {5000 + 100 * number}"
    for number in range(60)
    for make, model in (("Audi", "A4"), ("Seat", "Ibiza"))
)


@pytest.fixture(scope="module")
def model():
    cars = draw_listings(CARS)
    kinds = {"make": "category", "model": "category", "year": "number"}
    groups = pd.Series([f"group {number}" for number in range(len(cars))], dtype="str")
    return fit_model(cars.assign(group_id=groups), kinds, Hyperparameters(iterations_factor=0.02), 0.9, lambda *_: None)


def test_a_known_car_is_priced_as_the_model_says_in_any_order(model):
    cars = draw_listings("make | model | year\nSeat | Ibiza | 2010\n | A4 | 2012\nAudi | A4 | 2012").set_axis([7, 3, 5])
    told = appraise(model, cars)
    assert told.index.tolist() == [7, 3, 5]
    assert told["status"].tolist() == ["priced", "refused", "priced"]
    np.testing.assert_allclose(told["estimate"].to_numpy()[[0, 2]], model.estimate(cars.iloc[[0, 2]])["estimate"], rtol=1e-5)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("Adui | A4 | 2012", "make 'Adui' is not among the 2 makes learnt from (nearest: 'Audi')"),
        ("Audi | Ibizza | 2012", "model 'Ibizza' is not the one model of Audi learnt from"),
        ("Audi | Zzz | 2012", "model 'Zzz' is not the one model of Audi learnt from"),
        (" | A4 | 2012", "make is missing"),
        ("Audi | A4 | ", "year is missing"),
    ],
)
def test_a_car_that_the_model_cannot_know_gets_a_reason_and_no_price(model, row, reason):
    (told,) = appraise(model, draw_listings(f"make | model | year\n{row}")).to_dict("records")
    assert (told["status"], told["reason"]) == ("refused", reason)
    assert np.isnan([told["estimate"], told["low"], told["high"]]).all()


def test_a_listing_that_was_learnt_from_is_estimated_without_its_own_price(model):
    learnt = draw_listings(CARS).assign(group_id="group 0")
    stranger = learnt.head(1).assign(group_id="nobody")
    seen, unseen = (appraise(model, learnt.head(1), unseen=flag)["estimate"].item() for flag in (False, True))
    assert seen != unseen
    assert appraise(model, stranger, unseen=True)["estimate"].item() == seen


def test_the_words_of_a_model_are_those_it_learnt(model):
    assert model.words == {"make": ["Audi", "Seat"], "model": ["A4", "Ibiza"]}
