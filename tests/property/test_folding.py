"""Folding in shares sorted by DuckDB gives, byte for byte, what folding in memory gives."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import folding
from pipeline.services import frames

NIGHTS = ("", "2024-01-01", "2024-01-02", "2024-02-01")
# Few listings, cars, twins and dates: identities are contested, twins join, values are missing, prices return.
ROWS = st.tuples(
    st.sampled_from(("row:é", "vin:1", "vin:2", "advert_id:10", "advert_id:9", "Z")),
    st.sampled_from(("t1", "t2", "t3")),
    st.sampled_from(("VW", "Audi")),
    st.sampled_from((2009.0, 2015.0)),
    st.sampled_from((1000.0, 2000.0)),
    st.sampled_from((None, 50_000.5)),
    st.sampled_from((None, "red", "blue")),
    st.sampled_from((None, True, False)),
    st.sampled_from((None, "2018-06-23", "2018-05-01")),
)
COLUMNS = {
    "listing_id": "str", "twin_id": "str", "make": "str", "year": "float64", "price": "float64",
    "mileage_km": "float64", "color": "str", "first_owner": "boolean", "posted_on": "str",
}  # fmt: skip
histories = st.lists(st.tuples(st.sampled_from(NIGHTS), st.lists(ROWS, max_size=12)), min_size=1, max_size=5).map(
    lambda deliveries: sorted(deliveries, key=lambda delivery: delivery[0])
)


def frame_of(rows: list[tuple], *, has_dates: bool) -> pd.DataFrame:
    columns = {name: pd.Series([row[place] for row in rows], dtype=kind) for place, (name, kind) in enumerate(COLUMNS.items())}
    drawn = pd.DataFrame(columns).assign(model="A4", row=pd.Series(range(1, len(rows) + 1), dtype="int64"))
    return drawn.astype({"model": "str"}) if has_dates else drawn.astype({"model": "str"}).drop(columns="posted_on")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("folding")


@settings(max_examples=40)
@given(histories.filter(lambda deliveries: any(rows for _, rows in deliveries)), st.integers(1, 6), st.booleans())
def test_folding_in_shares_gives_the_bytes_of_folding_in_memory(folder, deliveries, rows_at_once, has_dates):
    files = [folder / f"{number}.parquet" for number in range(len(deliveries))]
    for file, (_, rows) in zip(files, deliveries, strict=True):
        frames.write_frame(frame_of(rows, has_dates=has_dates), file)
    results = []
    for size in (10**6, rows_at_once):
        place = folder / f"at most {size}"
        place.mkdir(exist_ok=True)
        folding.fold_deliveries(files, [night for night, _ in deliveries], place, 200, size)
        results.append({path.name: path.read_bytes() for path in place.iterdir()})
    assert results[0].keys() == {"listings.parquet", "prices.parquet", "account.json"}
    assert results[0] == results[1]
