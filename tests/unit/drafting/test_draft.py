"""Drafts of whole markets, from files that say nothing of themselves."""

import tomllib
from pathlib import Path

import pandas as pd
import pytest

from pipeline.drafting import sources as reading_sources
from pipeline.drafting.draft import draft_market
from pipeline.drafting.preview import preview_market
from pipeline.drafting.sources import choose_files, join_rows, pattern_of, read_sources
from pipeline.errors import UsageWrong
from pipeline.market_files import load_market
from pipeline.sample import SamplePlan
from pipeline.sample_abroad import FIELDS, FORMATS, TONGUES, write_abroad

CURRENCIES = {"en": "GBP", "fr": "EUR", "de": "EUR", "es": "EUR", "pl": "PLN", "tr": "TRY", "ru": "RUB", "ar": "SAR"}
PLACED = {
    "advert_id",
    "make",
    "model",
    "year",
    "mileage_km",
    "fuel",
    "gearbox",
    "condition",
    "first_owner",
    "city",
    "price",
    "posted_on",
}


def draft_of(tmp_path: Path, rows: dict[str, list[str]], **options):
    path = tmp_path / "cars.csv"
    pd.DataFrame(rows).to_csv(path, index=False, sep=options.pop("sep", ";"), encoding=options.pop("encoding", "utf-8"))
    sources = read_sources([path])
    draft = draft_market("m", sources, **options)
    (tmp_path / "m.toml").write_text(draft.text, encoding="utf-8")
    return draft, load_market("m", (tmp_path,)), sources


def many(*cells, times=30):
    return list(cells) * (times // len(cells))


CARS = {
    "Marke": many("VW", "BMW", "Opel"),
    "Modell": many("Golf", "320", "Astra"),
    "Jahr": many("2010", "2015", "2020"),
    "Preis": many("5000", "15000", "9000"),
}


@pytest.mark.parametrize("language", sorted(TONGUES))
def test_a_sample_in_any_language_needs_no_line_edited(tmp_path, language):
    kind = FORMATS[sorted(TONGUES).index(language) % len(FORMATS)]
    written = write_abroad(tmp_path / "raw", SamplePlan(rows=400, nights=2), language, kind)
    sources = read_sources([tmp_path / "raw"])
    assert [source.path for source in sources] == written
    draft = draft_market("abroad", sources)
    (tmp_path / "abroad.toml").write_text(draft.text, encoding="utf-8")
    market = load_market("abroad", (tmp_path,))
    assert market.currency == CURRENCIES[language]
    assert set(market.columns) == PLACED
    assert market.synthetic
    assert not draft.absent
    preview = preview_market(market, sources)
    assert preview.accepted > 0.98 * preview.rows
    assert not preview.lost
    assert not preview.refused
    listings = preview.listings
    assert set(listings["fuel"]) <= {"petrol", "diesel", "hybrid", "electric"}
    assert set(listings["gearbox"].dropna()) <= {"manual", "automatic"}
    assert listings["mileage_km"].between(0, 600_000).all()
    assert listings["posted_on"].str.startswith("2025-01-").all()


def test_every_language_and_format_is_offered_and_laid_out_whole():
    assert sorted(TONGUES) == sorted(CURRENCIES)
    assert all(len(tongue.headers) == len(set(tongue.headers)) == len(FIELDS) for tongue in TONGUES.values())


def test_the_same_adverts_mean_the_same_in_every_language(tmp_path):
    told = []
    for language in ("fr", "de", "es", "tr", "ru", "ar"):  # those that count in kilometres
        write_abroad(tmp_path / language, SamplePlan(rows=200, nights=1), language, "csv")
        sources = read_sources([tmp_path / language])
        (tmp_path / f"{language}.toml").write_text(draft_market(language, sources).text, encoding="utf-8")
        listings = preview_market(load_market(language, (tmp_path,)), sources).listings
        told.append(listings[["make", "model", "year", "mileage_km", "fuel", "gearbox", "condition", "first_owner", "posted_on"]])
    for other in told[1:]:
        same = [column for column in told[0] if column != "condition"]  # "excellent" is "like new" in German
        pd.testing.assert_frame_equal(told[0][same], other[same])


def test_units_in_cells_are_told(tmp_path):
    rows = CARS | {
        "Leistung": many("81 kW (110 PS)", "110 kW (150 PS)", "100 kW (136 PS)"),
        "Hubraum": many("1.598 cm³", "1.995 cm³", "1.395 cm³"),
        "km": many("181.000 km", "15.000 km", "9.000 km"),
        "Preis": many("15.000 €", "7.500 €", "auf Anfrage"),
    }
    _, market, sources = draft_of(tmp_path, rows, encoding="cp1252")
    preview = preview_market(market, sources)
    assert preview.reasons == {"price missing": (10, "cars.csv row 3: 'auf Anfrage'")}
    assert preview.listings["power_hp"].tolist()[:2] == [110, 150]
    assert preview.listings["engine_l"].tolist()[:2] == pytest.approx([1.598, 1.995])
    assert preview.listings["mileage_km"].tolist()[:2] == [181_000, 15_000]
    assert market.currency == "EUR"


def test_a_dash_for_the_cents_and_miles_in_any_language_are_read(tmp_path):
    rows = CARS | {"Preis": many("€ 15.000,-", "€ 7.500,--", "€ 650,–"), "km": many("90.000 Meilen", "15.000 km", "9.000 km")}
    _, market, sources = draft_of(tmp_path, rows)
    listings = preview_market(market, sources).listings
    assert listings["price"].tolist()[:3] == [15_000, 7_500, 650]
    assert listings["mileage_km"].tolist()[:3] == pytest.approx([144_840.96, 15_000, 9_000])


def test_lakhs_and_titles_are_told(tmp_path):
    rows = {
        "name": many("Maruti Swift Dzire VDI", "Land Rover Defender 110 X", "Tata Nexon 1.2 XM"),
        "year": many("2014", "2016", "2018"),
        "selling_price": many("₹ 4.5 Lakh", "₹ 12 Lakh", "3,75,000"),
        "km_driven": many("45,000 kms", "1,20,000 kms", "60,000 kms"),
        "max_power": many("74 bhp", "120.5 bhp", "88.2 bhp"),
    }
    draft, market, sources = draft_of(tmp_path, rows, sep=",")
    listings = preview_market(market, sources).listings
    assert market.currency == "INR"
    assert listings["price"].tolist()[:3] == [450_000, 1_200_000, 375_000]
    assert listings["make"].tolist()[:3] == ["Maruti", "Land Rover", "Tata"]
    assert listings["model"].tolist()[:3] == ["Swift", "Defender", "Nexon"]
    assert listings["mileage_km"].tolist()[:3] == [45_000, 120_000, 60_000]
    assert any("one word behind the make" in check for check in draft.checks)


def test_the_make_may_stand_in_the_names_of_files_alone(tmp_path):
    for name in ("audi", "vw"):
        pd.DataFrame({name: CARS[name] for name in ("Modell", "Jahr", "Preis")}).to_csv(tmp_path / f"{name}.csv", index=False)
    sources = read_sources([tmp_path / "audi.csv", tmp_path / "vw.csv"])
    (tmp_path / "m.toml").write_text(draft_market("m", sources).text, encoding="utf-8")
    listings = preview_market(load_market("m", (tmp_path,)), sources).listings
    assert set(listings["make"]) == {"Audi"}


def test_cells_that_slid_are_sent_home(tmp_path):
    rows = CARS | {
        "Kraftstoff": many("Benzin", "Diesel", "Diesel", "Benzin", "Benzin"),
        "Getriebe": many("Schaltgetriebe", "Automatik", "Diesel", "Automatik", "Schaltgetriebe"),
    }
    _, market, _ = draft_of(tmp_path, rows)
    assert market.columns["gearbox"].others == "missing"
    assert market.columns["gearbox"].values == {"Schaltgetriebe": "manual", "Automatik": "automatic"}


def test_what_is_not_found_is_said_and_the_rest_is_written(tmp_path):
    draft, market, _ = draft_of(tmp_path, {name: cells for name, cells in CARS.items() if name != "Marke"})
    assert draft.absent == ["make"]
    assert market.columns["make"].headers == ("? make",)
    assert any("no column was found for make" in check for check in draft.checks)


def test_what_is_left_out_is_listed_with_its_cells(tmp_path):
    draft, market, _ = draft_of(
        tmp_path, CARS | {"Händler": many("Müller", "Schmidt", "Bauer"), "Klimaanlage": many("ja", "nein")}
    )
    assert market.rows.unused == ("Händler",)
    assert "\"Händler\",  # 3 words such as 'Müller'" in draft.text
    assert market.kind("has_klimaanlage") == "boolean"


def test_guesses_are_marked_where_they_stand(tmp_path):
    draft, market, _ = draft_of(tmp_path, CARS)
    assert market.currency == "EUR"
    assert 'currency = "EUR"  # CHECK: currency: EUR is a guess from the language of the headers' in draft.text
    assert draft_of(tmp_path, CARS, currency="CHF")[1].currency == "CHF"


def test_a_second_header_of_the_same_name_is_left_out_by_its_number(tmp_path):
    path = tmp_path / "cars.csv"
    path.write_text("make,model,year,price,price\n" + "VW,Golf,2010,5000,50\n" * 20)
    sources = read_sources([path])
    (tmp_path / "m.toml").write_text(draft_market("m", sources).text)
    market = load_market("m", (tmp_path,))
    assert market.rows.unused == ("price (2)",)
    assert preview_market(market, sources).accepted == 20


def test_of_a_spreadsheet_the_sheet_that_names_a_car_is_read_and_the_others_are_told(tmp_path):
    path = tmp_path / "cars.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"Hinweis": ["Stand Mai", *["Preise in Euro"] * 41]}).to_excel(book, sheet_name="Lies mich", index=False)
        pd.DataFrame(CARS).to_excel(book, sheet_name="Autos", index=False)
    draft = draft_market("m", read_sources([path]))
    assert not draft.absent
    assert "cars.xlsx has more than one sheet, of which one was read; not read: 'Lies mich' (43 rows)" in draft.checks


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"\x00\x01\x02\x03" * 50, "NUL"),
        (b"PK\x03\x04" + b"x" * 50, "the zip is damaged"),
        (b'a,b\n"1,2\n', "a quote"),
    ],
)
def test_a_file_that_is_no_table_is_named_with_the_reason(tmp_path, content, reason):
    path = tmp_path / "odd.bin"
    path.write_bytes(content)
    with pytest.raises(UsageWrong) as refusal:
        read_sources([path])
    assert str(path) in str(refusal.value)
    assert reason in str(refusal.value)


def test_files_that_are_not_there_are_named(tmp_path):
    with pytest.raises(UsageWrong, match=r"There is no file .*nothing\.csv"):
        read_sources([tmp_path / "nothing.csv"])
    with pytest.raises(UsageWrong, match="holds no file"):
        read_sources([tmp_path])


def test_files_of_several_kinds_are_one_market(tmp_path):
    frame = pd.DataFrame(CARS)
    frame.to_csv(tmp_path / "a.csv", index=False, sep="\t", encoding="utf-16")
    frame.rename(columns={"Marke": "marke "}).to_csv(tmp_path / "b.csv.gz", index=False)
    frame.to_parquet(tmp_path / "c.parquet")
    sources = read_sources([tmp_path])
    files = choose_files(sources)
    assert files.patterns == ("*.csv", "*.csv.gz", "*.parquet")
    assert set(files.encodings) == {"utf-16", "utf-8"}
    assert set(files.separators) == {"\t", ","}
    assert len(join_rows(sources)) == 90
    assert list(join_rows(sources).columns) == list(CARS)


def test_a_pattern_fits_the_file_that_it_is_made_for():
    for name in ("cars.csv", "2024-02-29.csv.gz", "cars", "a.b.xlsx", "odd.[x]"):
        assert Path(name).match(pattern_of(Path(name)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "cp1250", "cp1254", "cp1251"])
def test_the_encoding_is_told_by_the_words_that_it_gives(tmp_path, encoding):
    rows = {
        "cp1250": {
            "Marka": many("Škoda"),
            "Rok produkcji": many("2010"),
            "Skrzynia biegów": many("półautomatyczna"),
            "Kolor": many("żółty"),
        },
        "cp1254": {"Marka": many("Tofaş"), "Yıl": many("2010"), "Yakıt": many("Dizel"), "Renk": many("kırmızı")},
        "cp1251": {"Марка": many("Лада"), "Год": many("2010"), "Цвет": many("красный"), "Цена": many("5000")},
    }.get(encoding, {"Modèle": many("Clio"), "Année": many("2010"), "État": many("Très bon"), "Préis": many("weiß")})
    path = tmp_path / "cars.csv"
    pd.DataFrame(rows).to_csv(path, index=False, encoding=encoding)
    (source,) = read_sources([path])
    assert list(source.table.rows.columns) == list(rows)
    assert source.table.rows.to_numpy().tolist() == pd.DataFrame(rows).to_numpy().tolist()


def test_the_text_is_toml_whatever_the_cells_hold(tmp_path):
    odd = {'a "quoted" \\ one\n': many("x"), "b\t\x7f": many("'"), "=cmd": many("]"), "": many("#")}
    draft, _, _ = draft_of(tmp_path, CARS | odd)
    assert tomllib.loads(draft.text)["rows"]["unused"]


def test_a_title_may_begin_with_the_year(tmp_path):
    rows = {name: cells for name, cells in CARS.items() if name in ("Jahr", "Preis")}
    rows |= {"Car Name": many("2016 Maruti Swift", "2012 Land Rover Discovery", "2020 Kia Rio")}
    _, market, sources = draft_of(tmp_path, rows)
    listings = preview_market(market, sources).listings
    assert listings["make"].tolist()[:3] == ["Maruti", "Land Rover", "Kia"]
    assert listings["model"].tolist()[:3] == ["Swift", "Discovery", "Rio"]


def test_the_column_of_models_wins_over_titles_and_a_name_may_be_the_model(tmp_path):
    titled = CARS | {"Titel": many("VW Golf 1.6", "BMW 320 d", "Opel Astra K")}
    assert draft_of(tmp_path, titled)[1].columns["model"].headers == ("Modell",)
    named = {("name" if name == "Modell" else name): cells for name, cells in CARS.items()}
    draft, market, _ = draft_of(tmp_path, named)
    assert market.columns["model"].headers == ("name",)
    assert "'name' was taken for model by the look of its cells alone" in draft.checks


def test_what_is_called_make_and_is_none_is_the_model_where_another_column_has_the_makes(tmp_path):
    swapped = {"Make": CARS["Modell"], "Type": CARS["Marke"], "Year": CARS["Jahr"], "Price": CARS["Preis"]}
    _, market, _ = draft_of(tmp_path, swapped)
    assert (market.columns["make"].headers, market.columns["model"].headers) == (("Type",), ("Make",))


def test_an_engine_in_litres_among_other_words_and_cylinders_beside_it(tmp_path):
    rows = CARS | {"Engine": many("4 cyl, 2.2 L", "6 cyl, 3 L", "-"), "CylindersinEngine": many("4 cyl", "6 cyl", "4 cyl")}
    _, market, sources = draft_of(tmp_path, rows)
    listings = preview_market(market, sources).listings
    assert listings["engine_l"].tolist()[:2] == [2.2, 3]
    assert market.columns["engine_l"].headers == ("Engine",)


@pytest.mark.parametrize(
    ("extra", "unit"),
    [
        ({"Preis": many("£5,000", "£15,000", "£9,000")}, "mile"),
        ({"mpg": many("45.1", "50.4", "38.9")}, "mile"),
        ({"Preis": many("$5,000", "$15,000", "$9,000")}, "mile"),
        ({"Preis": many("$5,000", "$15,000", "$9,000"), "Город": many("Минск", "Гомель")}, "km"),
        ({"Datum": many("12/25/2023", "3/4/2024", "6/30/2023")}, "mile"),
        ({}, "km"),
    ],
)
def test_bare_distances_are_miles_where_money_or_dates_are_british_or_american(tmp_path, extra, unit):
    draft, market, _ = draft_of(tmp_path, CARS | {"mileage": many("45000", "120000", "60000")} | extra)
    assert market.columns["mileage_km"].unit == unit
    assert any("kilometres or miles?" in check for check in draft.checks)


def test_a_box_that_is_ticked_or_not_is_yes_or_no(tmp_path):
    draft, market, _ = draft_of(tmp_path, CARS | {"is_4wd": many("1", ""), "zeros": many("0")})
    assert market.columns["has_4wd"].values == {"1": True, "": False}
    assert "has_zeros" not in market.columns
    assert any("'is_4wd' says '1' or nothing" in check for check in draft.checks)


def test_of_large_files_the_first_rows_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(reading_sources, "_MOST_ROWS", 50)
    monkeypatch.setattr(reading_sources, "_FEWEST_ROWS", 10)
    frame = pd.DataFrame(CARS)
    for name in ("a.csv", "b.csv"):
        frame.to_csv(tmp_path / name, index=False)
    frame.to_parquet(tmp_path / "c.parquet")
    sources = read_sources([tmp_path])
    assert [len(source.table.rows) for source in sources] == [16, 16, 16]
    assert not any(source.is_whole for source in sources)
    assert all(source.is_whole for source in read_sources([tmp_path / "a.csv"]))
