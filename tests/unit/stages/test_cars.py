"""What someone wants priced, in the market's columns or in ours."""

import numpy as np
import pandas as pd
import pytest

from pipeline.market import Column, Rule
from pipeline.stages import cars
from tests.drawing import draw_cells, market_of

MARKET = market_of(
    mileage_km=Column(headers=("mileage",), unit="mile", limits=(0, 1_000_000)),
    fuel=Column(headers=("carburant",), values={"Essence": "petrol", "Gazole": "diesel"}),
    first_owner=Column(headers=("premiere",), values={"Oui": True, "Non": False}),
    condition=Column(headers=("etat",), values={"Pour pièces": "for parts", "Bon": "good"}),
)
BOTH_IN_ONE = market_of(
    make=Column(headers=("model",), pattern=r"^(\S+) "), model=Column(headers=("model",), pattern=r"^\S+ (.+)$")
)


def read(drawing: str, market=MARKET, named=None, **words) -> cars.Cars:
    rows = draw_cells(drawing).reset_index(drop=True)
    return cars.read_cars(rows, cars.fit_headers(list(rows.columns), market), named or {}, words)


def one(drawing: str, market=MARKET, **words) -> dict:
    found = read(drawing, market, **words)
    assert found.refusals == [""]
    (known,) = found.listings.to_dict("records")
    return {name: value for name, value in known.items() if pd.notna(value)}


def test_the_markets_columns_and_ours_say_the_same():
    theirs = one("make | model | year | mileage | carburant | premiere\nAudi | A4 | 2015 | 10000 | essence | Oui")
    ours = one("make | model | year | mileage-km | fuel | first_owner\nAudi | A4 | 2015 | 16093.44 | petrol | yes")
    assert (
        theirs
        == ours
        == {"make": "Audi", "model": "A4", "year": 2015, "mileage_km": 16093.44, "fuel": "petrol", "first_owner": True}
    )


@pytest.mark.parametrize(
    ("header", "cell", "km"),
    [
        ("mileage", "10k", 16093.44),
        ("mileage", "10 000 km", 10_000),
        ("mileage_km", "10k", 10_000),
        ("mileage_km", "10,000 mi", 16093.44),
        ("mileage_km", "10.000", 10_000),
    ],
)
def test_a_bare_number_is_in_the_unit_of_its_column_and_any_other_in_its_own(header, cell, km):
    assert one(f"make | model | year | {header}\nAudi | A4 | 2015 | {cell}")["mileage_km"] == pytest.approx(km)


def test_a_header_that_holds_two_columns_is_ours_when_make_stands_beside_it():
    assert one("model | year\nford f-150 super | 2011", BOTH_IN_ONE)["model"] == "f-150 super"
    assert one("make | model | year\nford | f-150 super | 2011", BOTH_IN_ONE)["model"] == "f-150 super"
    assert cars.find_absent(["model", "year"], BOTH_IN_ONE, {}) == []


def test_letter_case_aside_a_word_is_one_that_the_model_knows():
    known = one("make | model | year\nAUDI | a4 | 2015", make=["Audi"], model=["A4", "A5"])
    assert (known["make"], known["model"]) == ("Audi", "A4")


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("Audi | A4 | | 10k | Essence", "year missing"),
        ("Audi | A4 | soon | 10k | Essence", "year unreadable: 'soon'"),
        ("Audi | A4 | 2015 | -5 | Essence", "mileage_km below 0: '-5'"),
        ("Audi | A4 | 2015 | 9000000 | Essence", "mileage_km above 1,000,000: '9000000'"),
        ("Audi | A4 | 2015 | lots | Essence", "mileage_km unreadable: 'lots'"),
        (" | | 2015 | lots | Essence", "make missing; model missing; mileage_km unreadable: 'lots'"),
        (" | | | | ", "row is empty"),
    ],
)
def test_a_row_is_refused_with_every_reason(cells, reason):
    assert read(f"make | model | year | mileage | carburant\n{cells}").refusals == [reason]


def test_a_rule_of_the_market_refuses_unless_it_asks_for_the_price():
    rules = (Rule(reason="for parts", words={"condition": ("for parts",)}), Rule(reason="cheap", between={"price": (0, 9e9)}))
    market = market_of(condition=MARKET.columns["condition"])
    market = type(market)(title="t", currency="EUR", columns=market.columns, reject=rules)
    found = read("make | model | year | price | etat\nAudi | A4 | 2015 | 5 | Pour pièces\nAudi | A4 | 2015 | 5 | Bon", market)
    assert found.refusals == ["for parts: 'Pour pièces'", ""]


def test_a_word_that_nobody_knows_is_left_out_with_a_note():
    found = read("make | model | year | carburant\nAudi | A4 | 2015 | steam\nAudi | A4 | 2015 | Gazole")
    assert found.refusals == ["", ""]
    assert found.notes == ["fuel 'steam' is not known: left out", ""]
    assert found.listings["fuel"].isna().tolist() == [True, False]


def test_a_number_that_means_not_told_is_left_out_with_a_note():
    market = market_of(mileage_km=Column(headers=("mileage",), missing=("0", "call us")))
    found = read(
        "make | model | year | mileage\nAudi | A4 | 2015 | 0.00\nAudi | A4 | 2015 | call us\nAudi | A4 | 2015 | 10", market
    )
    assert found.refusals == ["", "", ""]
    assert found.notes == ["mileage_km '0.00' means not told in this market: left out", "", ""]
    assert found.listings["mileage_km"].isna().tolist() == [True, True, False]


def test_a_number_that_another_column_reads_is_no_missing_mark():
    market = market_of(mileage_km=Column(headers=("year",), pattern=r"^([0-9]+) km$", missing=("0",)))
    assert read("make | model | year\nAudi | A4 | 2015", market).notes == [""]


def test_what_a_files_name_tells_is_taken_unless_a_column_says_it():
    market = market_of(make=Column(file_name=r"^(\w+)$", values={"vw": "Volkswagen"}))
    assert read("model | year\nGolf | 2015", market, {"make": "vw"}).listings["make"].tolist() == ["Volkswagen"]
    assert read("make | model | year\nSeat | Ibiza | 2015", market).listings["make"].tolist() == ["Seat"]
    assert cars.find_absent(["model", "year"], market, {}) == ["make"]
    assert cars.find_absent(["model", "year"], market, {"make": "vw"}) == []


BERG = market_of(
    mileage_km=Column(headers=("laufleistung",), decimal_mark=",", units={"km": "km", "mi": "mile", "Meilen": "mile"}),
)
RANGES = market_of(mileage_km=Column(headers=("mileage",), parser="range"))


@pytest.mark.parametrize(
    ("market", "header", "text", "expected"),
    [
        (BERG, "mileage_km", "75,000 mi", 120_700.8),
        (BERG, "mileage_km", "75.000 mi", 120_700.8),
        (BERG, "laufleistung", "75,000 Meilen", 120_700.8),
        (BERG, "mileage_km", "75,000 km", 75_000),
        (BERG, "mileage_km", "75,5 km", 75.5),
        (RANGES, "mileage_km", "110.000 - 119.999", 114_999.5),
        (RANGES, "mileage", "110,000 - 119,999 km", 114_999.5),
        (RANGES, "mileage", "120.000", 120_000),
    ],
)
def test_a_mark_before_three_digits_groups_thousands_whichever_it_is(market, header, text, expected):
    assert one(f"make | model | year | {header}\nVW | Golf | 2020 | {text}", market)["mileage_km"] == pytest.approx(expected)


def test_a_header_that_tells_what_a_canonical_one_tells_is_named():
    assert cars.name_doubled(["make", "model", "year", "mileage_km", "Mileage"], MARKET) == {"Mileage": "mileage_km"}
    assert cars.name_doubled(["make", "model", "year", "mileage"], MARKET) == {}
    assert cars.name_doubled(["make", "model", "year"], BOTH_IN_ONE) == {}


def test_unknown_headers_are_told_with_the_nearest():
    assert cars.name_unknown(["make", "Mileage km", "carburants", "qqqq"], MARKET) == {"carburants": "carburant", "qqqq": ""}


def test_missing_marks_of_common_tools_are_missing():
    assert "mileage_km" not in one("make | model | year | mileage_km\nAudi | A4 | 2015.0 | NaN")


def test_listings_have_the_kinds_that_a_model_wants():
    listings = read("make | model | year | first_owner\nAudi | A4 | 2015 | ").listings
    assert listings["year"].dtype == np.float64
    assert listings["first_owner"].dtype == pd.BooleanDtype()
