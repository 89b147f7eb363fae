"""Files that come out whole or not at all, and run nothing in a spreadsheet."""

import errno
import gzip
from pathlib import Path

import pytest

from pipeline.errors import UsageWrong, UserError
from pipeline.incremental import store
from pipeline.services.exports import guard_cell, replaced


def write_and_fail(path: Path, error: BaseException) -> None:
    with replaced(path) as stream:
        stream.write("new")
        raise error


@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "=", " =1+1", "\t=1", "-abc", "=5"])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(cell):
    assert guard_cell(cell) == (f"'{cell}" if any(map(str.isalnum, cell)) else cell)


@pytest.mark.parametrize(
    "cell", ["", "Golf", "-5", "+5", "-5.5", "-1,200", "- 1 200", "-1e5", "--", "-", "'=1", "a=b", "5 - 9", " x"]
)
def test_every_other_cell_stays_as_it_is(cell):
    assert guard_cell(cell) == cell


def test_the_file_is_there_at_the_end_and_not_before(tmp_path):
    path = tmp_path / "priced.csv"
    with replaced(path) as stream:
        stream.write("é\n")
        assert not path.exists()
    assert path.read_bytes() == "é\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_that_begins_takes_no_draft_away(tmp_path):
    path = tmp_path / "data/out/priced.csv"
    path.parent.mkdir(parents=True)
    with replaced(path) as stream:
        stream.write("new")
        store.sweep_all(tmp_path / "data", (), frozenset())
    assert path.read_text() == "new"


def test_a_name_that_ends_in_gz_is_packed(tmp_path):
    with replaced(tmp_path / "priced.csv.gz") as stream:
        stream.write("a\n" * 1000)
    assert gzip.decompress((tmp_path / "priced.csv.gz").read_bytes()) == b"a\n" * 1000


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), UserError("x")])
@pytest.mark.parametrize("name", ["priced.csv", "priced.csv.gz"])
def test_after_a_failure_the_old_file_is_as_it_was(tmp_path, error, name):
    path = tmp_path / name
    path.write_text("old")
    with pytest.raises(type(error)):
        write_and_fail(path, error)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_no_room_is_said_with_the_remedy(tmp_path):
    with pytest.raises(UserError, match="Make room there"):
        write_and_fail(tmp_path / "priced.csv", OSError(errno.ENOSPC, "No space left on device"))
    assert not list(tmp_path.iterdir())


def test_where_no_file_can_be_put_is_refused(tmp_path):
    for path in (tmp_path / "none" / "priced.csv", tmp_path):
        with pytest.raises(UsageWrong), replaced(path):
            pass
