"""Frames on disk: what comes back, and that equal rows are equal bytes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.services.frames import read_frame, write_frame

FRAME = pd.DataFrame(
    {
        "make": pd.Series(["Audi", None, "Škoda"], dtype="str"),
        "price": [1.5, np.nan, -3.0],
        "row": [1, 2, 3],
        "first_owner": pd.Series([True, None, False], dtype="boolean"),
        "fuel": pd.Series([None, None, None], dtype="str"),
    }
)


def written(frame: pd.DataFrame, path: Path) -> bytes:
    write_frame(frame, path)
    return path.read_bytes()


def test_a_frame_comes_back_as_it_was(tmp_path):
    write_frame(FRAME, tmp_path / "frame.parquet")
    pd.testing.assert_frame_equal(read_frame(tmp_path / "frame.parquet"), FRAME)


def test_a_frame_without_rows_keeps_its_types(tmp_path):
    write_frame(FRAME.iloc[:0], tmp_path / "frame.parquet")
    pd.testing.assert_frame_equal(read_frame(tmp_path / "frame.parquet"), FRAME.iloc[:0].reset_index(drop=True))


def test_some_columns_can_be_read_alone(tmp_path):
    write_frame(FRAME, tmp_path / "frame.parquet")
    pd.testing.assert_frame_equal(read_frame(tmp_path / "frame.parquet", ["row", "make"]), FRAME[["row", "make"]])


def test_lists_come_back_as_lists(tmp_path):
    frame = pd.DataFrame({"reasons": [["a", "b"], []]})
    write_frame(frame, tmp_path / "frame.parquet")
    assert [list(reasons) for reasons in read_frame(tmp_path / "frame.parquet")["reasons"]] == [["a", "b"], []]


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.copy(),
        lambda frame: frame.set_axis([30, 10, 20]),
        lambda frame: frame.set_axis(pd.Index([0, 1, 2], name="row")),
        lambda frame: pd.concat([frame.iloc[:1], frame.iloc[1:]], ignore_index=True),
        lambda frame: frame.iloc[::-1].iloc[::-1],
    ],
    ids=["copied", "other index", "named index", "glued together", "turned twice"],
)
def test_the_bytes_depend_on_the_rows_alone(tmp_path, change):
    assert written(change(FRAME), tmp_path / "b.parquet") == written(FRAME, tmp_path / "a.parquet")


def test_what_a_frame_carries_beside_its_rows_is_left_out(tmp_path):
    marked = FRAME.copy()
    marked.attrs["made at"] = "12:00"
    marked.columns.name = "columns"
    assert written(marked, tmp_path / "b.parquet") == written(FRAME, tmp_path / "a.parquet")


def test_what_was_read_is_written_as_the_same_bytes(tmp_path):
    before = written(FRAME, tmp_path / "a.parquet")
    assert written(read_frame(tmp_path / "a.parquet"), tmp_path / "b.parquet") == before


@pytest.mark.parametrize(
    "change",
    [lambda frame: frame.iloc[::-1], lambda frame: frame.assign(row=[1, 2, 4]), lambda frame: frame[frame.columns[::-1]]],
)
def test_other_rows_are_other_bytes(tmp_path, change):
    assert written(change(FRAME), tmp_path / "b.parquet") != written(FRAME, tmp_path / "a.parquet")
