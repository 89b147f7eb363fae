"""Whatever is thrown at a reader of outside bytes: no traceback, no hang, no step outside its folder, no row lost.

The short form of `python -m benchmarks.hostile`, whose table is docs/hostile.md.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.hostile import READERS, throw
from benchmarks.hostility import guard, readers
from pipeline.errors import UserError

# A command takes some tenths of a second.
INPUTS = {
    "manifests": 20,
    "records": 20,
    "result documents": 20,
    "luigi.cfg": 20,
    "price form": 20,
    "model files": 20,
    "deliveries": 25,
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile")
    readers.build_project(root)
    return root


@pytest.fixture
def home(built: Path) -> Iterator[Path]:
    with readers.at_home(built):
        yield built


@pytest.mark.filterwarnings("ignore:.*that is not consumed by the task")  # Luigi's word for a setting in another section
@pytest.mark.parametrize("name", READERS)
def test_hostile_input_is_read_or_refused_with_a_message(home, name):
    (reader,) = [reader for reader in readers.list_readers(home) if reader.name == name]
    tally = guard.Tally()
    throw(reader, home, tally, inputs=INPUTS.get(name, 80), seconds=120, number=0)
    assert tally.inputs >= 20
    assert not tally.findings, tally.examples


class TestTheGuard:
    """What would be found is found."""

    @pytest.mark.parametrize(
        ("read", "found"),
        [
            pytest.param(lambda _: {}["x"], "traceback KeyError", id="an error that is no message"),
            pytest.param(lambda _: sys.exit(1), "traceback SystemExit 1", id="an exit without one"),
            pytest.param(lambda _: 3, "lost 3 rows", id="a lost row"),
            pytest.param(lambda _: Path("../outside").write_text("") * 0, "escape open", id="a file written outside"),
            pytest.param(lambda _: len(Path("/etc/hosts").read_text()) * 0, "escape open", id="a file read outside"),
            pytest.param(lambda _: os.system("true"), "escape os.system", id="a program"),
        ],
    )
    def test_it_notes(self, tmp_path, monkeypatch, read, found):
        (tmp_path / "inside").mkdir()
        monkeypatch.chdir(tmp_path / "inside")
        tally = guard.Tally()
        guard.feed(read, "value", tmp_path / "inside", tally)
        assert any(kind.startswith(found) for kind in tally.findings), tally.findings

    def test_it_ends_what_hangs(self, tmp_path, monkeypatch):
        def spin(_: object) -> int:
            while True:
                pass

        monkeypatch.setattr(guard, "MOST_SECONDS", 0.1)
        tally = guard.Tally()
        guard.feed(spin, "value", tmp_path, tally)
        assert tally.count("hang") == 1

    def test_a_message_is_no_finding(self, tmp_path):
        def refuse(_: object) -> int:
            raise UserError("mend it")

        tally = guard.Tally()
        guard.feed(refuse, "value", tmp_path, tally)
        assert not tally.findings


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("a,b\n1,2\n", 1),
        ("a\n\n1\n\n2", 2),
        ('a\n"x\ny"\n', 1),
        ('a\n"x""\n"\n', 1),
        ('a\nx"y\nz"\n', 2),
        ("\ufeffa\r1\r2\r\n3", 3),
    ],
)
def test_records_are_counted_as_rfc_4180_tells_them_apart(text, records):
    assert readers.count_records(text, ",") == records
