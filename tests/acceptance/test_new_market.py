"""From a stranger's files to judged prices, by the real commands."""

from __future__ import annotations

import shutil

import pytest

from pipeline.sample import SamplePlan
from pipeline.sample_abroad import write_abroad


def test_five_minutes_from_a_strangers_file_to_evaluate(project):
    write_abroad(project.root / "strangers", SamplePlan(rows=500, nights=2), "de", "xlsx")
    (project.root / "own").mkdir()
    code, printed = project.pipeline("new-market", "strangers", "--name", "autos", "--folder", "own")
    assert code == 0, printed
    assert "rows would be accepted" in printed
    assert "make Renault" in printed
    assert "price missing" in printed
    command = next(line for line in printed.splitlines() if line.strip().startswith("mkdir"))
    assert project.run("sh", "-c", command)[0] == 0
    command = next(line for line in printed.splitlines() if line.strip().startswith("luigi")).split()
    code, printed = project.luigi(*command[3:], "--Train-profile", "quick")
    assert code == 0, printed
    assert "autos" in printed


def test_nothing_is_overwritten(project):
    write_abroad(project.root / "strangers", SamplePlan(rows=60, nights=1), "fr", "csv")
    (project.root / "own").mkdir()
    command = ("new-market", "strangers", "--name", "autos", "--folder", "own")
    assert project.pipeline(*command)[0] == 0
    before = (project.root / "own/autos.toml").read_bytes()
    code, printed = project.pipeline(*command)
    assert code == 2
    assert printed.splitlines()[-1].endswith("is not overwritten. Choose another --name, or take it away.")
    assert (project.root / "own/autos.toml").read_bytes() == before
    code, printed = project.pipeline("new-market", "strangers", "--name", "uk", "--folder", "own")
    assert code == 2
    assert "uk.toml is there already" in printed
    assert [path.name for path in (project.root / "own").iterdir()] == ["autos.toml"]


def test_a_draft_without_a_column_that_every_market_needs_is_no_success(project):
    (project.root / "own").mkdir()
    (project.root / "cars.csv").write_text("model,year,price\n" + "Golf,2010,5000\n" * 20)
    code, printed = project.pipeline("new-market", "cars.csv", "--name", "autos", "--folder", "own")
    assert code == 2
    assert "no column was found for make: put its header instead of '? make'" in printed
    assert (project.root / "own/autos.toml").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing.csv", "--name", "autos", "--folder", "."), "There is no file nothing.csv."),
        (("luigi.cfg", "--name", "../autos", "--folder", "."), "--name '../autos' is no name of a market"),
        (("luigi.cfg", "--name", "autos", "--folder", "."), "luigi.cfg holds no adverts that anybody knows"),
        (("luigi.cfg", "--name", "autos", "--folder", "nowhere"), "--folder nowhere is no folder"),
        (("luigi.cfg", "--name", "autos", "--folder", ".", "--currency", "euro"), "--currency 'euro' is no currency"),
    ],
)
def test_a_slip_is_one_message(project, arguments, message):
    code, printed = project.pipeline("new-market", *arguments)
    assert code == 2, printed
    assert message in printed
    assert "Traceback" not in printed
    assert not list(project.root.glob("*.toml"))


def test_the_sample_abroad_is_written_and_described_by_the_commands(project):
    code, printed = project.pipeline("sample", "--language", "ru", "--format", "jsonl", "--rows", "120", "--nights", "1")
    assert code == 0, printed
    (project.root / "own").mkdir()
    command = printed.splitlines()[-1].removeprefix("Describe them: python -m pipeline ").split()
    code, printed = project.pipeline(*command, "--folder", "own")
    assert code == 0, printed
    assert "mkdir" not in printed  # they lie where a run looks for them
    shutil.rmtree(project.root / "data/raw/sample_ru")
    code, printed = project.pipeline("sample", "--format", "xlsx")
    assert (code, "needs a --language" in printed) == (2, True)
    code, printed = project.pipeline("sample", "--language", "tlh")
    assert (code, "--language 'tlh' is none that the sample knows: ar, de" in printed) == (2, True)
