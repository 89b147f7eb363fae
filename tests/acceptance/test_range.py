"""Luigi's own RangeDaily on Nightly: nights in their order, each once, with a record like any run's."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.acceptance.conftest import LENIENT, SMALL, Project

RANGE = ("RangeDaily", "--of", "Nightly", "--days-back", "99999", "--local-scheduler", *SMALL, *LENIENT)
MARKET = """
like = "sample"
title = "Small"
"""


def test_a_range_of_nights_is_what_those_nights_are_one_by_one_and_is_done_once(project: Project) -> None:
    one_by_one = Project(shutil.copytree(project.root, project.root.parent / "one by one"))
    nights = (*RANGE, "--start", "2025-01-07", "--stop", "2025-01-09", "--workers", "2")
    code, printed = project.luigi(*nights)

    assert code == 0, printed
    assert "Nightly sample: runs, first run" in printed
    assert "then Nightly sample as of 2025-01-08" in printed
    assert "Promote   version" in printed, "the last night is told as a night of its own would be"
    assert "Traceback" not in printed
    assert "Warning" not in printed
    decided = [json.loads(line) for line in (project.root / "data/journal/sample.jsonl").read_text().splitlines()]
    assert [entry["as_of"] for entry in decided] == ["2025-01-07", "2025-01-08"], "also with two workers"
    (record,) = project.records()
    assert (record["root"], record["subject"], record["state"]) == ("RangeDaily", "sample", "done")
    built = {task["label"]: task["place"] for task in record["tasks"] if task["outcome"] == "built"}
    assert built["Nightly sample as of 2025-01-07"] != built["Nightly sample as of 2025-01-08"]
    assert set(built.values()) == set(project.manifests())
    assert not project.leftovers()

    before = project.outputs()
    code, printed = project.luigi(*nights)
    assert code == 0, printed
    assert " built " not in printed
    for night in ("2025-01-07", "2025-01-08"):
        code, printed = one_by_one.luigi("Nightly", "--as-of", night, "--local-scheduler", *SMALL, *LENIENT)
        assert code == 0, printed
    assert project.outputs() == before
    assert _without_pages(before) == _without_pages(one_by_one.outputs())
    code, printed = project.pipeline("explain", "Nightly", "--as-of", "2025-01-09", *SMALL, *LENIENT)
    assert code == 0, printed
    assert "night 2025-01-08 → 2025-01-09" in printed, "it is compared with the last night of the range"


def _without_pages(outputs: dict[str, str]) -> dict[str, str]:
    """Leave out the pages of the nights: they tell what their run built, which was two nights in one."""
    return {name: digest for name, digest in outputs.items() if not name.startswith("data/report/")}


@pytest.mark.parametrize(
    ("options", "code", "last_line"),
    [
        (("--start", "2025-01-05", "--stop", "2025-01-06"), 20, "holds none dated up to 2025-01-05; the first is of 2025-01-06."),
        (
            ("--start", "2025-01-06", "--of-params", '{"market": "smaple"}'),
            2,
            "There is no market 'smaple' (did you mean 'sample'?)",
        ),
        (("--start", "2025-01-06", "--of-params", '{"markt": "sample"}'), 2, "unknown parameter markt"),
        (("--start", "last week"), 2, "A setting cannot be read: --RangeDaily-start or [RangeDaily] start"),
        ((), 2, "At least one of start and stop needs to be specified"),
        (("--start", "2999-01-01", "--days-forward", "999999", "--now", "0"), 0, ""),
    ],
)
def test_a_range_ends_as_a_night_would(project: Project, options: tuple[str, ...], code: int, last_line: str) -> None:
    ended, printed = project.luigi(*RANGE, *options)

    assert ended == code, printed
    assert "Traceback" not in printed
    if last_line:
        assert last_line in printed.strip().splitlines()[-1]


def test_a_range_that_cannot_start_leaves_a_record(project: Project) -> None:
    (project.root / "markets").mkdir()
    (project.root / "markets/small.toml").write_text(MARKET + "oops = 1\n")

    code, printed = project.luigi(
        *RANGE, "--start", "2025-01-06", "--of-params", '{"market": "small"}', "--pipeline-markets", "markets"
    )

    assert code == 2, printed
    assert "oops" in printed.strip().splitlines()[-1]
    assert "Traceback" not in printed
    (record,) = project.records()
    assert (record["subject"], record["state"], record["exit"]) == ("small", "failed", 2)
    assert not project.leftovers()
