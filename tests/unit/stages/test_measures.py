"""Numbers with units of their own."""

import doctest

import pytest

from pipeline.stages import measures
from pipeline.stages.measures import parse_measure, parse_measures, unit_of


def test_the_examples_in_the_docstrings_hold():
    result = doctest.testmod(measures)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("text", "unit", "mark", "expected"),
    [
        ("120k", "km", ".", 120_000),
        ("120 K", "km", ".", 120_000),
        ("12.5k", "km", ".", 12_500),
        ("12,5k", "km", ".", 12_500),
        ("120k km", "km", ".", 120_000),
        ("120km", "km", ".", 120),
        ("120 000 km", "km", ".", 120_000),
        ("120\u202f000 Km.", "km", ".", 120_000),
        ("75,000 mi", "km", ".", 120_700.8),
        ("75000 miles", "km", ",", 120_700.8),
        ("75k mi", "km", ".", 120_700.8),
        ("15.000", "km", ".", 15_000),
        ("15,000", "km", ",", 15_000),
        ("15.5", "km", ".", 15.5),
        ("1.200.000", "km", ".", 1_200_000),
        ("€15.000", "money", ".", 15_000),
        ("15.000 €", "money", ".", 15_000),
        ("15 000 MAD", "money", ".", 15_000),
        ("€ 1.650,-", "money", ".", 1650),
        ("12'900.– CHF", "money", ".", 12_900),
        ("$1,250.50", "money", ".", 1250.5),
        ("1,6", "l", ".", 1.6),
        ("1.998", "l", ".", 1.998),
        ("1,6 L", "l", ".", 1.6),
        ("1598 cc", "l", ".", 1.598),
        ("110 ch", "hp", ".", 110),
        ("8 CV", "cv", ".", 8),
        ("-5", "km", ".", -5),
        # Neither one thing nor the other:
        ("12,34", "km", ".", 12.34),
        ("1,2,3", "km", ".", None),
        ("90 hp", "km", ".", None),
        ("120 m", "km", ".", None),
        ("5k", "l", ".", None),
        ("about 120", "km", ".", None),
        ("k", "km", ".", None),
        ("", "km", ".", None),
        ("12km", "", ".", None),
        ("1" * 100, "km", ".", None),
    ],
)
def test_a_number_with_its_unit(text, unit, mark, expected):
    assert parse_measure(text, unit, mark) == (None if expected is None else pytest.approx(expected))


def test_a_number_without_a_unit_is_in_the_markets():
    assert parse_measure("75k", "km", bare_factor=1.609344) == pytest.approx(120_700.8)
    assert parse_measure("75k km", "km", bare_factor=1.609344) == 75_000


def test_where_a_pattern_decides_what_is_meant_only_a_unit_overrules_it():
    assert parse_measure("45.6", "km", needs_unit=True) is None
    assert parse_measure("45.6 km", "km", needs_unit=True) == 45.6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 000 - 9 999 km", (5000, 9999)),
        ("5 000 km – 9 999 km", (5000, 9999)),
        ("60k-70k", (60_000, 70_000)),
        ("-5", (-5, -5)),
        ("9 km - 5 km", None),
        ("5 -", None),
        ("1 - 2 - 3", None),
    ],
)
def test_two_numbers_with_a_dash_between(text, expected):
    assert parse_measures(text, "km") == expected


def test_the_unit_is_in_the_columns_name():
    assert [unit_of(name) for name in ("mileage_km", "engine_l", "fiscal_power_cv", "price", "tax_gbp", "year")] == [
        "km",
        "l",
        "cv",
        "money",
        "money",
        "",
    ]
