"""How little mileage is believed of a car."""

import numpy as np
import pytest

from pipeline.valuation.mileage import KM_PER_YEAR, USUAL_SHARE, MileageFloor, learn_floor

NEWEST = 2024.0


def make_market(older: int, slips: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mileages and years: so many cars of ten years, of which some tell thousands as if they were kilometres, and new ones with none."""
    mileage_km = np.r_[np.full(older - slips, 150_000.0), np.full(slips, 150.0), np.zeros(20)]
    return mileage_km, np.r_[np.full(older, NEWEST - 10), np.full(20, NEWEST)]


@pytest.mark.parametrize(
    ("mileage_km", "year", "believed"),
    [
        (20_000, 2014, True),
        (19_999, 2014, False),
        (0, 2014, False),
        (6_000, 2021, True),
        (5_999, 2021, False),
        (0, 2022, True),
        (0, 2025, True),
        (np.nan, 2014, True),
        (0, np.nan, True),
    ],
)
def test_two_thousand_kilometres_a_year_are_believed_and_all_of_a_young_car(mileage_km, year, believed):
    floor = MileageFloor(NEWEST, KM_PER_YEAR)
    assert floor.believes(np.array([float(mileage_km)]), np.array([float(year)])).tolist() == [believed]


def test_what_is_rare_is_a_slip_and_what_is_usual_is_how_the_market_tells_mileage():
    older = 200
    few = round(USUAL_SHARE * older) - 1
    assert learn_floor(*make_market(older, few)) == MileageFloor(NEWEST, KM_PER_YEAR)
    usual = learn_floor(*make_market(older, few + 1))
    assert usual.believes(*make_market(older, few + 1)).all()


def test_a_year_that_is_a_typing_error_makes_no_car_older():
    mileage_km, year = make_market(3_000, 20)
    year[-1] = 2099
    assert learn_floor(mileage_km, year).newest_year == NEWEST


@pytest.mark.parametrize("year", [[], [np.nan], [2014.0]])
def test_a_market_that_tells_no_mileage_doubts_none(year):
    floor = learn_floor(np.full(len(year), np.nan), np.array(year))
    assert floor.believes(np.zeros(3), np.array([1990.0, -1e308, -np.inf])).all()
