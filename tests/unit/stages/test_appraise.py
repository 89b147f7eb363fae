"""A price, or why there is none."""

import numpy as np
import pytest

from pipeline.stages.appraise import appraise, known_words
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
    return fit_model(cars, cars, kinds, Hyperparameters(5, 0.2, 7, 5, 0.9, 0), lambda *_: None)


def test_a_known_car_is_priced_as_the_model_says_in_any_order(model):
    cars = draw_listings("make | model | year\nSeat | Ibiza | 2010\n | A4 | 2012\nAudi | A4 | 2012").set_axis([7, 3, 5])
    told = appraise(model, cars)
    assert told.index.tolist() == [7, 3, 5]
    assert told["status"].tolist() == ["priced", "refused", "priced"]
    np.testing.assert_array_equal(told["estimate"].to_numpy()[[0, 2]], model.estimate(cars.iloc[[0, 2]])["estimate"])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("Adui | A4 | 2012", "make 'Adui' is unknown to the model (nearest: 'Audi')"),
        ("Audi | Ibizza | 2012", "model 'Ibizza' is unknown to the model (nearest: 'Ibiza')"),
        ("Audi | Zzz | 2012", "model 'Zzz' is unknown to the model"),
        (" | A4 | 2012", "make missing"),
        ("Audi | A4 | ", "year missing"),
    ],
)
def test_a_car_that_the_model_cannot_know_gets_a_reason_and_no_price(model, row, reason):
    (told,) = appraise(model, draw_listings(f"make | model | year\n{row}")).to_dict("records")
    assert (told["status"], told["reason"]) == ("refused", reason)
    assert np.isnan([told["estimate"], told["low"], told["high"]]).all()


def test_the_words_of_a_model_that_does_not_tell_are_not_known():
    assert known_words(object()) == {}


def test_the_words_that_the_encoder_learnt_are_known(model):
    assert known_words(model) == {"make": ["Audi", "Seat"], "model": ["A4", "Ibiza"]}
