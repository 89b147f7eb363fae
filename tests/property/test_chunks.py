"""A delivery that is read in chunks of any size gives what it gives as a whole, however awkward it is."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline import ingesting
from pipeline.errors import DeliveryUnreadable
from pipeline.market import Column, Files, Rule
from pipeline.services import frames, tables
from pipeline.services.documents import read_document
from pipeline.stages.ingest import rank_again
from tests.drawing import market_of

SIZES = st.integers(1, 60)
# Quotes that open and do not, cells that hold line ends and separators, rows of another width, blank lines, marks.
BITS = ("a", "1", ",", ",,", "\n", "\r\n", "\r", '"', '""', '"x\ny"', '"x,""y"', ',"', '",', "é", "\ufeff", " ", "\x03")
contents = st.lists(st.sampled_from(BITS), max_size=40).map("".join)


def read_whole(content: bytes, files: Files) -> tuple[list[list[str]], list[int], list[tuple[int, str]]] | str:
    try:
        table = tables.read_table(content, files, {})
    except DeliveryUnreadable as error:
        return str(error).partition(" (")[0]
    return table.rows.to_numpy().tolist(), list(table.rows.index), table.unreadable


def read_in_chunks(path: Path, files: Files, size: int) -> tuple[list[list[str]], list[int], list[tuple[int, str]]] | str:
    try:
        chunks = list(tables.read_chunks(path, files, {}, size))
    except DeliveryUnreadable as error:
        return str(error).partition(" (")[0]
    rows = pd.concat([chunk.rows for chunk in chunks])
    return rows.to_numpy().tolist(), list(rows.index), [row for chunk in chunks for row in chunk.unreadable]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("chunks")


@settings(max_examples=300)
@given(contents, SIZES, st.sampled_from(("utf-8", "latin-1", "utf-16")), st.booleans())
@example('h,i\n1,"never closed\n2,3\n', 1, "utf-8", False)
@example("h\r1\r\r2\r", 1, "utf-8", True)
def test_chunks_hold_the_rows_of_the_whole(folder, content, size, encoding, packed):
    files = Files(encodings=("utf-8", "utf-16", "latin-1"))
    raw = f"h,i\n{content}".encode(encoding, errors="replace")
    path = folder / "delivery.csv"
    path.write_bytes(gzip.compress(raw, mtime=0) if packed else raw)
    assert read_in_chunks(path, files, size) == read_whole(raw, files)


def test_a_chunk_is_no_longer_than_asked_but_for_its_last_record(folder):
    path = folder / "long.csv"
    path.write_text("h,i\n" + "1,2\n" * 10_000)
    chunks = list(tables.read_chunks(path, Files(), {}, 400))
    assert max(len(chunk.rows) for chunk in chunks) <= 100


RULES = (Rule(reason="too odd", between={"price": (400, 500)}), Rule(reason="too odd", words={"fuel": ("diesel",)}))
DRAWN = market_of(
    price=Column(headers=("price",), limits=(100, 50_000)),
    fuel=Column(headers=("fuel",), values={"Essence": "petrol", "Diesel": "diesel"}),
    color=Column(headers=("color",), values={"Red": "red", "Blue": "blue"}),
    power_hp=Column(headers=("power",), required=True),
    advert_id=Column(headers=("link",), pattern=r"_(\d+)\.htm$"),
)
MARKET = msgspec.structs.replace(DRAWN, reject=RULES)
CELLS = {
    "price": ("9000", "8000", "450", "1", "call me", ""),
    "make": ("Audi", ""),
    "model": ("A4", '"A\n4"'),
    "year": ("2015", "new"),
    "fuel": ("Essence", "Diesel", "Red", "GPL", ""),
    "color": ("Red", "Blue", "Diesel", "beige", ""),
    "power": ("90,5", "1,2,3", "strong", "", '"1,5"', "100"),
    "link": ("/a_1.htm", "/b_2.htm", "", ""),
}
rows_drawn = st.lists(st.tuples(*map(st.sampled_from, CELLS.values())), max_size=25)
SETTINGS = {"market": msgspec.to_builtins(MARKET), "named": {}}


@settings(max_examples=60)
@given(rows_drawn, st.integers(1, 120))
def test_a_delivery_ingested_in_chunks_gives_the_same_bytes(folder, rows, size):
    path = folder / "adverts.csv"
    path.write_text("\n".join([",".join(CELLS), *map(",".join, rows)]))
    results = []
    for chunk_bytes in (10**9, size):
        place = folder / "result"
        place.mkdir(exist_ok=True)
        ingesting.ingest_delivery(place, path, SETTINGS, chunk_bytes)
        results.append({file.name: file.read_bytes() for file in place.iterdir()})
    assert results[0].keys() == {"accepted.parquet", "rejected.parquet", "account.json"}
    assert results[0] == results[1]


@settings(max_examples=50)
@given(st.lists(st.integers(0, 40), max_size=6), st.integers(1, 30), st.integers(1, 30))
def test_frames_written_one_by_one_have_the_bytes_of_one(folder, sizes, group, chunk):
    rows = pd.DataFrame(
        {"word": pd.Series(range(sum(sizes))).astype("str"), "number": pd.Series(range(sum(sizes)), dtype="float64")}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "ROW_GROUP", group)
        frames.write_frame(rows, folder / "one.parquet")
        with frames.FrameWriter(folder / "many.parquet") as writer:
            writer.write(rows.iloc[:0])
            for start, size in zip(pd.Series([0, *sizes]).cumsum(), sizes, strict=False):
                writer.write(rows.iloc[start : start + size])
    assert (folder / "one.parquet").read_bytes() == (folder / "many.parquet").read_bytes()
    read = pd.concat(frames.read_chunks(folder / "many.parquet", rows=chunk), ignore_index=True)
    pd.testing.assert_frame_equal(read, rows)


def test_a_delivery_whose_last_record_is_never_closed_is_set_aside_whole(folder):
    path = folder / "cut.csv"
    path.write_text("price,make,model,year,power\n" + "9000,Audi,A4,2015,90\n" * 50 + '9000,"Audi,A4,2015,90\n')
    ingesting.ingest_delivery(folder, path, SETTINGS, 100)
    account = read_document(folder / "account.json")
    assert "a quote opened in record 51 is never closed" in account["set_aside"]
    assert (account["rows"], len(frames.read_frame(folder / "accepted.parquet"))) == (0, 0)


def test_the_sheets_beside_the_adverts_are_in_the_account(folder):
    path = folder / "cars.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"said": ["prices in euro"] * 3}).to_excel(book, sheet_name="Notes", index=False)
        pd.DataFrame({"make": ["Audi"], "model": ["A4"], "year": [2015], "price": [9000], "power": [90]}).to_excel(
            book, index=False
        )
    ingesting.ingest_delivery(folder, path, SETTINGS)
    account = read_document(folder / "account.json")
    assert (account["accepted"], account["sheets_unread"]) == (1, {"Notes": 4})


def test_prices_of_cars_described_alike_are_ranked_over_the_whole_delivery():
    accepted = pd.DataFrame(
        {"listing_id": ["row:" + "a" * 32 + "-1", "row:" + "b" * 32 + "-1", "advert_id:9"], "price": [8.0, 8.0, 8.0]}
    )
    ranked = rank_again(accepted, {"a" * 32: [7.0, 8.0]})
    assert ranked["listing_id"].tolist() == ["row:" + "a" * 32 + "-2", "row:" + "b" * 32 + "-1", "advert_id:9"]
