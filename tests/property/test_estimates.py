"""Any listing has an estimate inside its interval."""

import functools

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.train import Hyperparameters, PriceModel, fit_model
from tests.unit.valuation.test_recipe import KINDS, draw

TEXTS = st.none() | st.sampled_from(["make 0", "make 1", "model 2", "diesel"]) | st.text(max_size=5)
NUMBERS = st.none() | st.floats(-1e7, 1e7)
CARS = st.fixed_dictionaries({name: TEXTS if kind == "category" else NUMBERS for name, kind in KINDS.items()})


@functools.cache
def model() -> PriceModel:
    return fit_model(draw(200), KINDS, Hyperparameters(iterations_factor=0.05), 0.9, lambda *_: None)


@settings(max_examples=25, deadline=None)
@given(st.lists(CARS, min_size=1, max_size=5))
def test_any_car_has_a_finite_estimate_inside_its_interval(cars):
    estimates = model().estimate(pd.DataFrame(cars, columns=list(KINDS)))
    assert np.isfinite(estimates.to_numpy()).all()
    assert (estimates["low"] < estimates["estimate"]).all()
    assert (estimates["estimate"] < estimates["high"]).all()
