"""Sorts files of rows that memory cannot hold, by DuckDB, which spills to disk what its limit leaves no room for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa

from pipeline.services.frames import to_frame

THREADS = 2  # each needs memory of its own

# The rows of all deliveries, those of a listing together, oldest first: of equal dates by delivery, then by row.
_BY_LISTING = """
    SELECT rows.* EXCLUDE (filename, file_row_number), {seen_on} AS seen_on
    FROM read_parquet($files, union_by_name = true, filename = true, file_row_number = true) AS rows
    JOIN (SELECT unnest($files) AS filename, unnest($nights) AS night, unnest(range(len($files))) AS place) AS deliveries
        USING (filename)
    ORDER BY listing_id, seen_on NULLS FIRST, place, file_row_number
"""
_GROUPS = """
    SELECT first_value(listing_id) OVER (PARTITION BY twin_id ORDER BY first_seen_on NULLS FIRST, listing_id) AS group_id
    FROM read_parquet($file, file_row_number = true)
    ORDER BY file_row_number
"""


@contextlib.contextmanager
def sorter(folder: Path, memory_mb: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection that holds so many MB and spills into `folder`, which is there as long as there is something in it."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MB",
        "threads": THREADS,
        "temp_directory": str(folder),
        "preserve_insertion_order": True,
        "autoinstall_known_extensions": False,  # nothing is fetched from anywhere
        "autoload_known_extensions": False,
    }
    with duckdb.connect(config=settings) as connection:
        yield connection


def sort_by_listing(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], nights: Sequence[str], rows: int
) -> Iterator[pd.DataFrame]:
    """Yield the rows of all deliveries with `seen_on` (the delivery's night, else the advert's own date, else none), by `listing_id`.

    `files` are the accepted rows of the deliveries in order of (night, name), `nights` their nights ("" where undated). Each
    frame holds about so many rows, and all rows of each of its listings.
    """
    names = [str(file) for file in files]
    columns = connection.sql("SELECT * FROM read_parquet($files, union_by_name = true) LIMIT 0", params={"files": names}).columns
    seen_on = "CASE WHEN night <> '' THEN night" + (" ELSE posted_on END" if "posted_on" in columns else " END")
    query = connection.sql(_BY_LISTING.format(seen_on=seen_on), params={"files": names, "nights": list(nights)})
    yield from _keep_together(map(_to_frame, query.to_arrow_reader(rows)), "listing_id")


def name_groups(connection: duckdb.DuckDBPyConnection, file: Path, rows: int) -> Iterator[pd.Series]:
    """Yield for each listing of a file, in its order, the name of its group as `clean.name_groups` gives it, so many at a time."""
    waiting = pd.Series(dtype="str")
    for batch in connection.sql(_GROUPS, params={"file": str(file)}).to_arrow_reader(rows):
        waiting = pd.concat([waiting, _to_frame(batch)["group_id"]], ignore_index=True)
        while len(waiting) >= rows:
            yield waiting.iloc[:rows]
            waiting = waiting.iloc[rows:].reset_index(drop=True)
    if len(waiting):
        yield waiting


def _to_frame(batch: pa.RecordBatch) -> pd.DataFrame:
    return to_frame(pa.Table.from_batches([batch]))


def _keep_together(frames: Iterator[pd.DataFrame], key: str) -> Iterator[pd.DataFrame]:
    """Cut sorted frames where the key changes alone."""
    waiting: list[pd.DataFrame] = []
    for frame in frames:
        last = frame[key].iloc[-1]
        is_whole = (frame[key] != last).to_numpy()
        if is_whole.any():
            yield pd.concat([*waiting, frame[is_whole]], ignore_index=True)
            waiting = [frame[~is_whole]]
        elif waiting and waiting[-1][key].iloc[-1] != last:
            yield pd.concat(waiting, ignore_index=True)
            waiting = [frame]
        else:
            waiting.append(frame)
    if waiting:
        yield pd.concat(waiting, ignore_index=True)
