"""Frames as parquet files whose bytes depend on the rows alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame, its index left out, without metadata that a library might fill differently tomorrow."""
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, path, compression="zstd", store_schema=False)


def read_frame(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a frame, or some of its columns, with pandas' missing-aware types for text and booleans."""
    table = pq.read_table(path, columns=columns, use_threads=False)
    frame: pd.DataFrame = table.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
    return frame
