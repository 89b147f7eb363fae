"""What the record of a killed run says of tasks that share a name."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

from pipeline.incremental.digests import digest_value
from pipeline.incremental.ledger import _finish_tasks, read_record, read_records
from pipeline.incremental.manifest import Manifest


def commit(folder, night, run):
    folder.mkdir()
    at = datetime(2025, 1, night, tzinfo=UTC).isoformat()
    Manifest("Score", digest_value({}), {}, {}, run, at, 1.0, "Score tiny").write(folder)
    return folder


def test_several_nights_of_a_killed_run_keep_their_own_results_in_their_order(tmp_path):
    second, first, _ = (
        commit(tmp_path / name, night, run) for name, night, run in (("a", 2, "r"), ("b", 1, "r"), ("c", 1, "other"))
    )
    tasks = [{"name": "Score tiny", "label": f"Score tiny as of 2025-01-0{n}", "outcome": None, "place": ""} for n in (1, 2, 3)]

    told = _finish_tasks(tasks, "r", SimpleNamespace(results=lambda: [second, first, tmp_path / "c"]))

    assert [(task["outcome"], task["place"]) for task in told] == [
        ("built", first.as_posix()),
        ("built", second.as_posix()),
        ("not finished", ""),
    ]


RECORD = {
    "run": "r",
    "command": "luigi",
    "root": "Evaluate",
    "subject": "tiny",
    "state": "done",
    "exit": 0,
    "started_at": "x",
    "ended_at": None,
    "tasks": [],
    "messages": [],
    "summary": [],
}


def test_a_record_under_another_name_is_passed_over(tmp_path):
    (tmp_path / "runs").mkdir()
    for name, run in (("r", "r"), ("s", "r"), ("t", "../../t")):  # by its name files are dropped and written
        (tmp_path / "runs" / f"{name}.json").write_text(json.dumps({**RECORD, "run": run}))
    assert [record["run"] for record in read_records(tmp_path)] == ["r"]
    assert read_record(tmp_path, "t") == {}


def test_a_record_that_lacks_or_mistakes_something_is_passed_over(tmp_path):
    (tmp_path / "runs").mkdir()
    for spoilt in ({**RECORD, "tasks": [{}]}, {**RECORD, "exit": "0"}, {"run": "r"}, [], {**RECORD, "messages": [1]}):
        (tmp_path / "runs/r.json").write_text(json.dumps(spoilt))
        assert read_records(tmp_path) == []
    (tmp_path / "runs/r.json").write_text("[" * 100_000)
    assert read_records(tmp_path) == []
