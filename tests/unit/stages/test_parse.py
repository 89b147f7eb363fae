"""How single cells are read."""

import doctest

import pytest

from pipeline.stages import parse
from pipeline.stages.parse import clean_text, parse_boolean, parse_date, parse_number, parse_range, word_reader


def test_the_examples_in_the_docstrings_hold():
    result = doctest.testmod(parse)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("8000", 8000),
        ("8,000", 8000),
        ("£8,000", 8000),
        ("£ 8,000 ", 8000),
        ("8.000,50", None),
        ("5 000", 5000),
        ("5\u00a0000", 5000),
        ("5\u202f000", 5000),
        ("5\u2009000", 5000),
        ("5'000", 5000),
        ("5’000", 5000),
        ("12 345 678", 12_345_678),
        ("1.5", 1.5),
        ("1.", 1),
        ("12'900.-", 12_900),
        ("$650.--", 650),
        ("-3", -3),
        ("+3", 3),
        ("1,234.5", 1234.5),
        ("4,50,000", 450_000),
        ("1,23,45,678", 12_345_678),
        ("٣", 3),
        ("۱۲۳٬۴۵۶", 123_456),
        ("١٫٥", 1.5),
    ],
)
def test_a_number_is_read_in_the_forms_that_sellers_use(text, number):
    assert parse_number(text) == number


@pytest.mark.parametrize(
    ("text", "number"), [("8.000,50", 8000.5), ("8.000", 8000), ("1,5", 1.5), ("1.5", None), ("€ 1.650,-", 1650), ("650,–", 650)]
)
def test_the_market_says_which_mark_is_the_decimal_one(text, number):
    assert parse_number(text, decimal_mark=",") == number


@pytest.mark.parametrize(
    "text", ["12,34", "1,2345", "1 00", "1,,000", "1,000,00", "1,650,-", "650-", "65.-5", ",000", "1 234,567", "1'234 567"]
)
def test_a_misplaced_thousands_mark_is_refused_instead_of_guessed(text):
    assert parse_number(text) is None


@pytest.mark.parametrize(
    "text", ["", " ", "-", "£", "many", "1e5", "0x10", "nan", "inf", "1_000", "३", "1.2.3", "12 km", "4,5,000"]
)
def test_what_is_no_number_is_none(text):
    assert parse_number(text) is None


def test_a_number_too_large_to_hold_is_none():
    assert parse_number("9" * 400) is None


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("5 000 - 9 999", (5000, 9999)),
        ("5 000-9 999", (5000, 9999)),
        ("5 000 – 9 999", (5000, 9999)),
        ("5 000 — 9 999", (5000, 9999)),
        ("7 500", (7500, 7500)),
        ("-5", (-5, -5)),
        ("5 - 5", (5, 5)),
    ],
)
def test_a_range_gives_both_ends(text, ends):
    assert parse_range(text) == ends


@pytest.mark.parametrize("text", ["9 - 5", "5 -", "- 5 - 6", "1 - 2 - 3", "-", "", "5 to 9"])
def test_what_is_no_range_is_none(text):
    assert parse_range(text) is None


@pytest.mark.parametrize(
    ("text", "date_format", "date"),
    [
        ("2024-02-29", "%Y-%m-%d", "2024-02-29"),
        (" 2024-02-29 ", "%Y-%m-%d", "2024-02-29"),
        ("2023-02-29", "%Y-%m-%d", None),
        ("6/23/18", "%m/%d/%y", "2018-06-23"),
        ("23/6/18", "%m/%d/%y", None),
        ("", "%Y-%m-%d", None),
    ],
)
def test_a_date_becomes_iso_or_none(text, date_format, date):
    assert parse_date(text, date_format) == date


def test_the_first_of_several_date_formats_that_fits_wins():
    formats = ("%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d")
    assert [parse_date(text, *formats) for text in ("3/4/2024", "12/25/2024", "2024-02-29", "29 Feb")] == [
        "2024-04-03",
        "2024-12-25",
        "2024-02-29",
        None,
    ]


@pytest.mark.parametrize(
    ("text", "expected"), [("True", True), ("yes", True), ("1", True), ("1.0", True), ("FALSE", False), ("0", False), ("?", None)]
)
def test_yes_and_no_are_understood_without_a_vocabulary(text, expected):
    assert parse_boolean(text) is expected


def test_the_markets_words_for_yes_and_no_win_over_ours():
    assert parse_boolean("no", {"NO": True}) is True
    assert parse_boolean(" oui ", {"Oui": True}) is True


def test_a_word_outside_the_vocabulary_is_none():
    read = word_reader({"Essence": "petrol"})
    assert read("ESSENCE") == "petrol"
    assert read("Ethanol") is None


def test_words_are_kept_as_they_are_without_a_vocabulary():
    read = word_reader({})
    assert read("  Golf \u00a0 GTI ") == "Golf GTI"
    assert read("   ") is None


def test_composed_and_decomposed_letters_are_the_same_text():
    assert clean_text("Citroe\u0308n") == clean_text("Citroën")
