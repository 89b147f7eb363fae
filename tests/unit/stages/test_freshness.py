"""When prices are stale, and what is said then."""

import pytest

from pipeline.stages.freshness import tell_stale

DAY = "2024-02-10"


@pytest.mark.parametrize(
    ("newest", "data_as_of", "told"),
    [
        (DAY, DAY, ""),
        ("2024-02-03", DAY, ""),
        ("2024-02-02", "2024-02-02", "the newest delivery with rows is of 2024-02-02, 8 days before 2024-02-10; 7 are allowed"),
        (DAY, "2024-01-11", ""),
        (DAY, "2024-01-10", "the model that prices rests on data as of 2024-01-10, 31 days before 2024-02-10; 30 are allowed"),
        ("", "", ""),
        ("2024-03-01", "2024-03-01", ""),
    ],
    ids=["fresh", "a week", "older than a week", "old model", "older model", "undated market", "from the future"],
)
def test_prices_are_stale_without_deliveries_and_by_an_old_model(newest, data_as_of, told):
    assert tell_stale(DAY, newest, data_as_of, 7, 30) == told


def test_without_a_day_nothing_has_an_age():
    assert tell_stale("", "2024-01-01", "2024-01-01", 7, 30) == ""
