"""What is no CSV is read as the same text cells."""

import doctest
import gzip
import io
import json
import zipfile
from datetime import UTC, date, datetime

import openpyxl
import pandas as pd
import pytest

from pipeline.errors import ColumnMissing, DeliveryUnreadable
from pipeline.market import Files
from pipeline.services import formats, sheets
from pipeline.services.tables import read_bytes, read_table

REQUIRED = {"make": ("Marke",), "price": ("Preis",)}
ROWS = [
    {"Marke": "Škoda", "Preis": 15_000, "Hubraum": 1.6, "Datum": date(2024, 2, 29), "Neu": False},
    {"Marke": "Лада", "Preis": None, "Hubraum": 2.0, "Datum": None, "Neu": True},
]
CELLS = [["Škoda", "15000", "1.6", "2024-02-29", "False"], ["Лада", "", "2", "", "True"]]


def workbook_of(**sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def zip_of(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            # ZipInfo's own date: what a test is named after must be the same in each worker that collects it.
            archive.writestr(zipfile.ZipInfo(name), content, archive.compression)
    return stream.getvalue()


PACKINGS = (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def spoilt_zip(method):
    """Return a zip whose directory is whole and whose one file is not."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("a.csv", bytes(range(256)) * 3)
    content = bytearray(stream.getvalue())
    content[45:90] = b"\xff" * 45
    return bytes(content)


def excel():
    return workbook_of(Autos=[list(ROWS[0]), *(list(row.values()) for row in ROWS)])


def parquet():
    stream = io.BytesIO()
    pd.DataFrame(ROWS).assign(Preis=pd.array([15_000, None], dtype="Int64")).to_parquet(stream)
    return stream.getvalue()


def json_lines():
    return "".join(json.dumps(row, default=str, ensure_ascii=False) + "\n" for row in ROWS).encode()


def json_array():
    return json.dumps(ROWS, default=str, indent=2).encode()


def json_object():
    return json.dumps({"page": 1, "adverts": ROWS}, default=str, indent=2).encode()


@pytest.mark.parametrize("make", [excel, parquet, json_lines, json_array, json_object])
def test_every_format_gives_the_cells_that_a_csv_would_hold(make):
    table = read_table(make(), Files(), REQUIRED)
    assert list(table.rows.columns) == list(ROWS[0])
    assert table.rows.to_numpy().tolist() == CELLS
    assert table.rows.index.tolist() == [1, 2]
    assert table.unreadable == []


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(sheets) == (0, 2)


@pytest.mark.parametrize("packed", [lambda csv: zip_of(**{"autos.csv": csv, "__MACOSX/._autos.csv": b"x"}), gzip.compress])
def test_a_packed_csv_is_unpacked(tmp_path, packed):
    csv = b"Marke,Preis\nVW,5000\n"
    path = tmp_path / "autos.bin"
    path.write_bytes(packed(csv))
    assert read_bytes(path) == csv


def test_a_packed_spreadsheet_stays_one(tmp_path):
    path = tmp_path / "autos"
    path.write_bytes(zip_of(**{"autos.xlsx": excel()}))
    assert read_table(read_bytes(path), Files(), REQUIRED).rows.to_numpy().tolist() == CELLS


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (zip_of(), "the zip holds no files"),
        (zip_of(**{"a.csv": b"1", "b.csv": b"2"}), "the zip holds 2 files ('a.csv', 'b.csv', …)"),
        (zip_of(**{"a.zip": zip_of(**{"b.csv": b"x"})}), "the zip holds another zip"),
        (zip_of(**{"a.csv": b"x" * 5000}), "the zip holds more than 0 MB"),
        (zip_of(**{"a.csv": b"x" * 50})[:60], "the zip is damaged or cut short"),
        *((spoilt_zip(method), "the zip is damaged or cut short") for method in PACKINGS),
    ],
)
def test_a_zip_of_anything_but_one_table_is_refused(content, reason):
    with pytest.raises(DeliveryUnreadable) as refusal:
        formats.unpack_zip(content, 1000)
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (workbook_of(Leer=[]), "the spreadsheet is empty"),
        (excel()[: len(excel()) // 2], "cut short"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "the spreadsheet cannot be read"),
        (b"PAR1" + b"x" * 60, "the parquet file cannot be read"),
    ],
)
def test_what_cannot_be_read_says_so(content, reason):
    with pytest.raises(DeliveryUnreadable, match=reason):
        read_table(content, Files(), REQUIRED)


def test_the_sheet_with_the_columns_is_taken_and_two_of_them_are_refused():
    adverts = [["Marke", "Preis"], ["VW", 5000]]
    table = read_table(workbook_of(Notiz=[["hallo"]], Autos=adverts), Files(), REQUIRED)
    assert table.rows.to_numpy().tolist() == [["VW", "5000"]]
    assert table.sheets_unread == {"Notiz": 1}
    with pytest.raises(DeliveryUnreadable, match="the sheets 'A' and 'B' all hold adverts"):
        read_table(workbook_of(A=adverts, B=adverts), Files(), REQUIRED)


def test_a_sheet_without_the_columns_is_told_by_name():
    with pytest.raises(ColumnMissing, match=r"price \('Preis'\): is it 'Preise'"):
        read_table(workbook_of(A=[["Marke", "Preise"], ["VW", 1]]), Files(), REQUIRED)


def test_empty_lines_and_columns_of_a_sheet_do_not_count():
    rows = [[None, None, None], ["Marke", None, "Preis"], [None, None, None], ["VW", None, 1], [None, None, None]]
    table = read_table(workbook_of(A=rows), Files(), REQUIRED)
    assert (list(table.rows.columns), table.rows.to_numpy().tolist()) == (["Marke", "Preis"], [["VW", "1"]])


def test_a_damaged_line_of_json_is_kept_as_unreadable():
    lines = b'{"Marke": "VW", "Preis": 1}\n\n{"Marke": "VW", \n[1, 2]\n{"Marke": "BMW", "Extra": {"km": 5, "x": [1, "a"]}}\n'
    table = read_table(lines, Files(), REQUIRED)
    assert table.unreadable == [(2, '{"Marke": "VW",'), (3, "[1, 2]")]
    assert table.rows.index.tolist() == [1, 4]
    assert table.rows.to_dict("records")[1] == {"Marke": "BMW", "Preis": "", "Extra.km": "5", "Extra.x": "1, a"}


def test_deep_json_and_json_of_no_adverts_is_no_error_of_ours():
    for content in (b"[" * 100_000, b'{"a":' * 100_000, b"[1, 2]", b"{}"):
        with pytest.raises((DeliveryUnreadable, ColumnMissing)):
            read_table(content, Files(), REQUIRED)


def test_a_header_that_stands_there_twice_is_numbered():
    table = read_table(b"Marke,Preis,Preis,,\nVW,1,2,3,4\n", Files(), REQUIRED)
    assert table.rows.to_dict("records") == [{"Marke": "VW", "Preis": "1", "Preis (2)": "2", "": "3", " (2)": "4"}]


def test_a_time_of_day_stays_where_there_is_one():
    assert formats.write_cell(datetime(2024, 2, 29, 13, 5, tzinfo=UTC)) == "2024-02-29 13:05:00"
    assert formats.write_cell(datetime(2024, 2, 29, tzinfo=UTC)) == "2024-02-29"
    assert formats.write_cell(float("nan")) == ""
