"""What cells and headers of a stranger's file are taken for."""

import doctest
from collections import Counter

import pandas as pd
import pytest

from pipeline.drafting import dictionary, draft
from pipeline.drafting.amounts import look_at_amounts
from pipeline.drafting.dates import look_at_dates
from pipeline.drafting.dictionary import fold, header_score, known_words, language_of, meaning_of
from pipeline.drafting.looks import look_at_column, make_in
from pipeline.drafting.placing import place_columns


def look(header, *cells):
    return look_at_column(header, pd.Series(list(cells), dtype="str"))


@pytest.mark.parametrize("module", [dictionary, draft])
def test_the_examples_in_the_docstrings_hold(module):
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("selling_price", "price"),
        ("Prix (DH)", "price"),
        ("Цена, руб.", "price"),
        ("السعر", "price"),
        ("fuelType", "fuel"),
        ("Boite de vitesse", "gearbox"),
        ("Skrzynia biegów", "gearbox"),
        ("Vites Tipi", "gearbox"),
        ("Erstzulassung (MM/JJJJ)", "year"),
        ("KM", "mileage_km"),
        ("Пробег, км", "mileage_km"),
        ("Hubraum (cm³)", "engine_l"),
        ("vin_number", "vin"),
    ],
)
def test_a_header_is_known_in_many_languages_and_spellings(header, column):
    scores = {name: header_score(header, name) for name in dictionary.header_names()}
    assert max(scores, key=scores.__getitem__) == column
    assert scores[column] > 0.6


@pytest.mark.parametrize(
    "header", ["price per month", "Mensualité", "seller_type", "interior color", "Neupreis", "number of owners"]
)
def test_what_only_sounds_like_a_column_is_known_too(header):
    scores = {name: header_score(header, name) for name in dictionary.header_names()}
    assert max(scores, key=scores.__getitem__) == "other"


def test_the_dictionary_contradicts_itself_nowhere():
    for column in ("fuel", "gearbox", "drive", "condition", "color"):
        seen: dict[str, str] = {}
        for meaning, words in dictionary._read("words")[column].items():
            for word in words:
                assert seen.setdefault(fold(word), meaning) == meaning, (column, word)
    assert all(fold(name) for languages in dictionary._read("headers").values() for names in languages.values() for name in names)


@pytest.mark.parametrize(
    ("word", "column", "meaning"),
    [
        ("Essence", "fuel", "petrol"),
        ("БЕНЗИН", "fuel", "petrol"),
        ("Hatchback/5", "body", "hatchback"),
        ("Yarı Otomatik", "gearbox", "semi-automatic"),
        ("تويوتا", "make", "Toyota"),
        ("нет", "boolean", False),
        ("plutonium", "fuel", None),
    ],
)
def test_a_word_means_the_same_in_every_spelling(word, column, meaning):
    assert meaning_of(word, column) == meaning


@pytest.mark.parametrize(
    ("cells", "counted", "mark", "median"),
    [
        (["15.000 DH", "7.500 DH", "125.000 DH"], True, ",", 15_000),
        (["8,000", "12,500", "900"], True, ".", 8_000),
        (["181 000 km", "5 000 km", "9 000 km"], True, ".", 9_000),
        (["1.6", "2.0", "1.4"], False, ".", 1.6),
        (["1,6 L", "2,0 L", "1,4 L"], False, ",", 1.6),
        (["1.998", "1.598", "1.395"], False, ".", 1.598),
        (["4.5 Lakh", "12 Lakh", "3,75,000"], True, ".", 450_000),
        (["١٢٠٠٠٠", "٥٠٠٠٠", "٩٠٠٠٠"], True, ".", 90_000),
    ],
)
def test_numbers_are_read_with_their_marks_and_words(cells, counted, mark, median):
    amounts = look_at_amounts(Counter(cells), counted=counted)
    assert (amounts.mark, amounts.median, amounts.share) == (mark, median, 1.0)


def test_words_beside_numbers_and_what_is_none_are_told():
    amounts = look_at_amounts(Counter({"£8,000": 5, "1248 cm3": 2, "Price on request": 3, "5 000 - 9 999": 4}))
    assert amounts.affixes == {"£": 5, "cm3": 2}
    assert amounts.others == {"Price on request": 3}
    assert amounts.share_of_ranges == pytest.approx(4 / 14)


@pytest.mark.parametrize(
    ("cells", "formats", "doubt"),
    [
        (["2024-02-29", "2024-01-01"], ("%Y-%m-%d",), ""),
        (["2024-02-29T10:15:00Z"], ("%Y-%m-%d",), ""),
        (["29/02/2024", "03/04/2024"], ("%d/%m/%Y",), ""),
        (["2/29/24", "3/4/24"], ("%m/%d/%y",), ""),
        (["03/04/2024"], ("%d/%m/%Y",), "all dates could be"),
        (["29/02/2024", "28/02/2024", "12/25/2023"], ("%d/%m/%Y", "%m/%d/%Y"), "1 cells have day and month the other way round"),
        (["Feb 29, 2024", "Mar 1 2024"], ("%b %d, %Y", "%b %d %Y"), ""),
    ],
)
def test_the_order_of_day_and_month_is_told_from_the_cells(cells, formats, doubt):
    found = look_at_dates(Counter(cells))
    assert (found.formats, found.share) == (formats, 1.0)
    assert doubt in found.doubt
    assert bool(doubt) == bool(found.doubt)


@pytest.mark.parametrize(
    ("title", "make"),
    [("Land Rover Defender 90", "Land Rover"), ("ford f-150", "ford"), ("Ford", None), ("Unknown car", None), ("", None)],
)
def test_a_title_begins_with_its_make(title, make):
    assert make_in(title) == make


def test_columns_are_placed_by_name_and_by_look():
    looks = [
        look("Unnamed: 0", "0", "1", "2", "3"),
        look("a", "Ford", "BMW", "Opel", "Kia"),
        look("b", "petrol", "diesel", "petrol", "diesel"),
        look("c", "£5,000", "£6,000", "£7,000", "£8,500"),
        look("d", "12,000 km", "80,000 km", "1,000 km", "5,000 km"),
        look("Year", "2010", "2011", "2012", "2015"),
        look("model", "Focus", "320", "Astra", "Rio"),
        look("price per month", "100", "120", "140", "150"),
    ]
    placed = place_columns(looks)
    assert {name: placement.look.header for name, placement in placed.items()} == {
        "price": "c",
        "make": "a",
        "model": "model",
        "year": "Year",
        "mileage_km": "d",
        "fuel": "b",
    }
    assert [name for name, placement in placed.items() if placement.by_name] == ["model", "year"]


def test_fuel_economy_is_not_mileage():
    placed = place_columns([look("mileage", "18.5 kmpl", "23.1 kmpl"), look("km_driven", "45,000", "120,000")])
    assert placed["mileage_km"].look.header == "km_driven"


def test_a_language_and_the_words_of_an_encoding_are_told():
    assert language_of(["Marka", "Fiyat", "Yıl", "Vites Tipi"]) == "tr"
    text = "Fiyatı;Yılı;Çekiş\n"
    assert known_words(text) > known_words(text.encode("cp1254").decode("cp1251"))
