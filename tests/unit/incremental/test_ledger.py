"""What the record of a killed run says of tasks that share a name."""

from datetime import UTC, datetime
from types import SimpleNamespace

from pipeline.incremental.ledger import _finish_tasks
from pipeline.incremental.manifest import Manifest


def commit(folder, night, run):
    folder.mkdir()
    at = datetime(2025, 1, night, tzinfo=UTC).isoformat()
    Manifest("Score", folder.name, {}, {}, run, at, 1.0, "Score tiny").write(folder)
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
