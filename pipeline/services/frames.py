"""Frames as parquet files whose bytes depend on the rows alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 1 << 20  # rows that lie together in a file
CHUNK_ROWS = 100_000  # that are held as a frame at a time, where a file need not be held whole
BUFFER = 1 << 20  # bytes that go to the disk at a time: Arrow writes each page and each header by itself


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame, its index left out, without metadata that a library might fill differently tomorrow."""
    with FrameWriter(path) as writer:
        writer.write(frame)


class FrameWriter:
    """Writes frames of one kind one after another into one file, with the bytes that they would have as one frame."""

    def __init__(self, path: Path) -> None:
        """Write the file `path`; it is whole when the `with` block has ended well."""
        self._path = path
        self._stream: pa.NativeFile | None = None
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._empty: pa.Table | None = None

    def write(self, frame: pd.DataFrame) -> None:
        """Add the rows of a frame."""
        table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
        if not table.num_rows:  # Arrow cannot tell what kind of value an empty column of lists holds
            self._empty = table if self._empty is None else self._empty
            return
        self._waiting.append(table)
        while sum(table.num_rows for table in self._waiting) >= ROW_GROUP:
            together = pa.concat_tables(self._waiting)
            self._put(together.slice(0, ROW_GROUP))
            self._waiting = [rest] if (rest := together.slice(ROW_GROUP)).num_rows else []

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Write what waits, unless something went wrong."""
        if kind is None and self._waiting:
            self._put(pa.concat_tables(self._waiting))
        elif kind is None and self._writer is None and self._empty is not None:
            self._put(self._empty)
        if self._writer is not None and self._stream is not None:
            with self._stream:
                self._writer.close()

    def _put(self, table: pa.Table) -> None:
        if self._writer is None:
            self._stream = pa.output_stream(self._path, compression=None, buffer_size=BUFFER)
            self._writer = pq.ParquetWriter(self._stream, table.schema, compression="zstd", store_schema=False)
        self._writer.write_table(table.combine_chunks(), row_group_size=ROW_GROUP)


def read_chunks(path: Path, columns: list[str] | None = None, rows: int = CHUNK_ROWS) -> Iterator[pd.DataFrame]:
    """Read a frame as consecutive ones of up to so many rows, at least one, each indexed from 0."""
    with pq.ParquetFile(path) as file:
        is_empty = True
        for batch in file.iter_batches(batch_size=rows, columns=columns, use_threads=False):
            is_empty = False
            yield to_frame(pa.Table.from_batches([batch]))
    if is_empty:
        yield read_frame(path, columns)


def read_frame(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a frame, or some of its columns, with pandas' missing-aware types for text and booleans."""
    with pq.ParquetFile(path) as file:  # pq.read_table looks for a folder of files first, which takes longer than reading a night
        return to_frame(file.read(columns=columns, use_threads=False))


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return a table with pandas' missing-aware types for text and booleans."""
    frame: pd.DataFrame = table.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
    return frame


def count_rows(path: Path) -> int:
    """Return how many rows a file holds, by what stands at its end."""
    return int(pq.read_metadata(path).num_rows)
