"""The page about tonight: what the newest run did, what came in, what is wrong, and a run in progress."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from dashboard import reading, running
from dashboard.words import Words
from pipeline.incremental import store
from pipeline.sample import SamplePlan, write_deliveries
from tests.dashboard.conftest import NIGHTS, REPOSITORY, all_text, run_night


def newest_record(root):
    return json.loads(max((root / "data/runs").glob("*.json")).read_bytes())


def write_record(root, **changes):
    """Write a record newer than all others by hand, and return its run."""
    record = newest_record(root) | {"run": "29990101T000000-1", **changes}
    (root / f"data/runs/{record['run']}.json").write_text(json.dumps(record))
    return record


def current(root):
    return json.loads((root / "data/current/sample.json").read_bytes())


def pick(app, part):
    app.segmented_control(key="tonight-part").set_value(part).run()
    assert not app.exception, [one.value for one in app.exception]
    return app


def metrics(app):
    return {metric.label: metric.value for metric in app.metric}


class TestTheNewestRun:
    def test_says_what_it_built_and_reused(self, project, open_page):
        record = newest_record(project)
        outcomes = [task["outcome"] for task in record["tasks"]]
        shown = metrics(open_page("tonight"))
        assert shown["Run"] == "done"
        assert shown["Built"] == str(outcomes.count("built"))
        assert shown["Reused"] == str(outcomes.count("reused"))

    def test_lists_every_task_with_why_many_of_one_kind_in_one_line(self, project, open_page):
        record = newest_record(project)
        reused = [task for task in record["tasks"] if task["family"] == "Ingest" and task["outcome"] == "reused"]
        (tasks,) = [frame.value for frame in open_page("tonight").dataframe]
        row = tasks[tasks["Task"] == f"Ingest × {len(reused)}"].iloc[0]
        assert row["State"] == "reused"
        assert row["Seconds"] == pytest.approx(sum(task["seconds"] for task in reused))
        fresh = tasks[tasks["Task"] == f"Ingest sample/{NIGHTS[-1]}.csv"].iloc[0]
        assert (fresh["State"], fresh["Why"]) == ("built", "first run")
        assert len(tasks) < len(record["tasks"])

    def test_tells_the_verdict_in_one_sentence(self, project, open_page):
        report = json.loads((project / current(project)["stages"]["report"] / "report.json").read_bytes())
        assert report["verdict"]["sentence"] in all_text(open_page("tonight")).replace("\\", "")

    def test_speaks_french(self, project, open_page):
        app = open_page("tonight", language="fr")
        assert app.title[0].value == "Cette nuit"
        assert metrics(app)["Exécution"] == "terminé"
        (tasks,) = [frame.value for frame in app.dataframe]
        assert "première exécution" in set(tasks["Pourquoi"])

    @pytest.mark.parametrize(
        ("state", "told"), [("failed", "failed"), ("killed", "killed"), ("interrupted", "interrupted"), ("done", "done")]
    )
    def test_says_how_it_ended_and_its_messages(self, own_project, open_page, state, told):
        write_record(own_project, state=state, exit=30, messages=["Train ran out of time [here](http://x)."])
        app = open_page("tonight")
        assert metrics(app)["Run"] == told
        assert ("ran out of time" in all_text(app)) == (state != "done")

    def test_one_that_nobody_is_alive_in_was_killed(self, own_project, open_page):
        tasks = [task | {"outcome": None, "place": ""} for task in newest_record(own_project)["tasks"]]
        write_record(own_project, state="running", exit=None, ended_at=None, tasks=tasks)
        app = open_page("tonight")
        assert metrics(app)["Run"] == "killed"
        (listed,) = [frame.value for frame in app.dataframe]
        assert set(listed["State"]) == {"not finished"}

    def test_a_damaged_record_is_passed_over(self, own_project, open_page):
        (own_project / "data/runs/29990101T000000-1.json").write_text('{"run": ')
        (own_project / "data/runs/29990101T000000-2.json").write_text('{"run": 1, "state": 2, "subject": 3, "tasks": [4]}')
        assert metrics(open_page("tonight"))["Run"] == "done"

    def test_results_that_were_dropped_are_survived(self, own_project, open_page):
        for stage in ("ingest", "report", "promote"):
            for folder in (own_project / "data" / stage).iterdir():
                store.remove(folder)
        app = open_page("tonight")
        assert metrics(app)["Run"] == "done"
        assert "Verdict" not in all_text(app)


class TestWithoutRuns:
    def test_an_empty_market_says_what_to_run(self, own_project, open_page):
        store.remove(own_project / "data/current")
        store.remove(own_project / "data/runs")
        app = open_page("tonight")
        assert "No run of this market is recorded yet" in all_text(app)
        assert "python -m pipeline nightly --market sample" in all_text(app)
        assert "8 nights" in all_text(pick(app, "deliveries"))

    @pytest.mark.parametrize("part", ["stages", "deliveries", "alerts", "more"])
    def test_every_part_opens_on_a_project_without_data(self, own_project, open_page, part):
        for folder in (own_project / "data").iterdir():
            store.remove(folder) if folder.is_dir() else folder.unlink()
        pick(open_page("tonight"), part)


class TestDeliveries:
    def test_lists_each_with_its_rows(self, project, open_page):
        account = json.loads((project / current(project)["stages"]["check"] / "account.json").read_bytes())
        app = pick(open_page("tonight"), "deliveries")
        reasons, deliveries = (frame.value for frame in app.dataframe)
        told = {
            row["Delivery"]: (row["Rows"], row["Rows accepted"], row["Rows rejected"]) for row in deliveries.to_dict("records")
        }
        assert told == {name: (one["rows"], one["accepted"], one["rejected"]) for name, one in account["deliveries"].items()}
        assert dict(zip(reasons["Rejected because"], reasons["Rows"], strict=True)) == account["reasons"]

    def test_says_what_was_set_aside_and_why(self, own_project, open_page):
        (own_project / "data/raw/sample/2025-01-14.csv").write_bytes(b"")
        run_night(own_project, "2025-01-14")
        app = pick(open_page("tonight"), "deliveries")
        warnings = [one.value.replace("\\", "") for one in app.warning if "Set aside" in one.value]
        account = json.loads((own_project / current(own_project)["stages"]["check"] / "account.json").read_bytes())
        assert "2025-01-14.csv" in account["set_aside"]
        assert warnings == [f"Set aside: {name}: {why}" for name, why in account["set_aside"].items()]

    def test_says_which_nights_wait(self, own_project, open_page):
        content = (own_project / f"data/raw/sample/{NIGHTS[-1]}.csv").read_bytes()
        (own_project / "data/raw/sample/2025-01-20.csv").write_bytes(content)
        told = all_text(pick(open_page("tonight"), "deliveries"))
        assert "1 night has a delivery and no results yet: Jan 20, 2025" in told

    def test_a_damaged_account_is_told(self, own_project, open_page):
        path = own_project / current(own_project)["stages"]["check"] / "account.json"
        path.chmod(0o644)
        path.write_text("{")
        assert "No account of the deliveries is there" in all_text(pick(open_page("tonight"), "deliveries"))


class TestAlerts:
    def write(self, root, text):
        incident = {
            "kind": "volume",
            "subject": "rows",
            "text": text,
            "means": "Cars are unseen.",
            "do": "Look at `the source`.",
            "since": "2025-01-12",
            "found_on": "2025-01-13",
            "reminders": 0,
            "times": 2,
            "quiet": [],
            "closed_on": "",
        }
        (root / "data/alerts").mkdir(exist_ok=True)
        document = {"market": "sample", "night": "2025-01-13", "incidents": [incident], "notices": []}
        (root / "data/alerts/sample.json").write_text(json.dumps(document))

    def test_none_open(self, project, open_page):
        assert "Nothing is open." in all_text(pick(open_page("tonight"), "alerts"))

    def test_tells_since_when_what_it_means_and_what_to_do(self, own_project, open_page):
        self.write(own_project, "Half of the rows are missing.")
        told = all_text(pick(open_page("tonight"), "alerts")).replace("\\", "")
        assert "Half of the rows are missing." in told
        assert "Since Jan 12, 2025 · it opened 2 times" in told
        assert "Cars are unseen." in told
        assert "What to do: Look at `the source`." in told

    def test_markup_of_others_is_shown_as_it_is(self, own_project, open_page):
        self.write(own_project, "A [link](http://evil) and **bold**")
        (told,) = [one.value for one in pick(open_page("tonight"), "alerts").markdown if "evil" in one.value]
        assert r"\[link\]" in told
        assert r"\*\*bold" in told

    def test_a_damaged_file_is_told(self, own_project, open_page):
        (own_project / "data/alerts").mkdir(exist_ok=True)
        (own_project / "data/alerts/sample.json").write_text("{")
        app = pick(open_page("tonight"), "alerts")
        assert any("cannot be understood" in one.value for one in app.error)
        assert "Nothing is open." not in all_text(app)

    def test_tells_what_was_not_delivered(self, own_project, open_page):
        message = {
            "id": "x",
            "title": "t",
            "text": "t",
            "written_at": "2025-01-13T01:00:00+00:00",
            "facts": {},
            "notices": [],
            "pending": ["mail"],
            "failed": {"mail": {"why": "no route", "at": "2025-01-13T02:00:00+00:00", "tries": 1}},
        }
        (own_project / "data/alerts/outbox").mkdir(parents=True)
        (own_project / "data/alerts/outbox/x.json").write_text(json.dumps(message))
        app = pick(open_page("tonight"), "alerts")
        assert any("no route" in one.value for one in app.warning)


class TestReportsAndServers:
    def test_offers_the_report_and_the_runs_page(self, project, open_page):
        app = pick(open_page("tonight"), "more")
        assert [button.proto.label for button in app.get("download_button")] == ["The night's report", "The run's page"]

    def test_says_how_to_start_luigid_where_it_does_not_answer(self, project, open_page, monkeypatch):
        monkeypatch.setattr(reading, "answers", lambda *_: False)
        assert "python -m pipeline luigid" in all_text(pick(open_page("tonight"), "more"))
        monkeypatch.setattr(reading, "answers", lambda *_: True)
        app = pick(open_page("tonight"), "more")
        assert "python -m pipeline luigid" not in all_text(app)
        assert "http://127.0.0.1:8082/" in [link.proto.url for link in app.get("link_button")]

    def test_a_port_answers_only_where_something_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            assert reading.answers("127.0.0.1", port)
        assert not reading.answers("127.0.0.1", port)

    def test_leads_to_the_training_in_mlflow(self, project, open_page):
        receipt = project / "data/mlflow/receipts" / f"{current(project)['stages']['evaluate'].rpartition('/')[2]}.json"
        run = json.loads(receipt.read_bytes())["run_id"]
        links = [link.proto.url for link in pick(open_page("tonight"), "more").get("link_button")]
        assert any(link.endswith(run) for link in links)

    def test_a_report_that_is_gone_is_told(self, own_project, open_page):
        (own_project / current(own_project)["stages"]["report"]).chmod(0o755)
        (own_project / current(own_project)["stages"]["report"] / "report.html").unlink()
        assert "The night's report: not there." in all_text(pick(open_page("tonight"), "more"))


class TestOtherMarkets:
    def test_are_told_in_one_line(self, own_project, open_page):
        write_record(own_project, subject="kijiji_ca", state="failed", exit=30, messages=["x"])
        app = open_page("tonight")
        assert metrics(app)["Run"] == "done"
        (line,) = [one.value for one in app.caption if "Other markets" in one.value]
        assert "kijiji_ca failed" in line.replace("\\", "")


class TestARunInProgress:
    def open_record(self, root, running_stage):
        """Write the record of a run that has just planned and is filling a result of a stage; return its lock."""
        before = newest_record(root)
        tasks = [
            task | ({"outlook": "runs", "outcome": None, "place": "", "seconds": 10.0} if place >= 1 else {})
            for place, task in enumerate(before["tasks"])
        ]
        record = write_record(
            root, state="running", exit=None, ended_at=None, messages=[], tasks=tasks, started_at=datetime.now(UTC).isoformat()
        )
        (root / f"data/{running_stage}/.building-0123456789abcdef-01234567").mkdir()
        return root / f"data/locks/run-{record['run']}.lock"

    def test_shows_what_it_is_at_and_how_far_it_is(self, own_project, open_page):
        lock = self.open_record(own_project, running_stage="check")
        with store.locked(lock):
            app = open_page("tonight")
            assert metrics(app)["Run"] == "running"
            (bar,) = app.get("progress")
            assert "now Check sample" in bar.proto.text.replace("\\", "")
            (tasks,) = [frame.value for frame in app.dataframe]
            assert tasks.set_index("Task").loc["Check sample", "State"] == "running"
            assert tasks.set_index("Task").loc["Train sample", "State"] == "waiting"
        assert metrics(app.run())["Run"] == "killed"  # without a word, as soon as nobody holds the lock

    def test_what_lies_behind_it_is_reused(self, own_project):
        lock = self.open_record(own_project, running_stage="evaluate")
        with store.locked(lock):
            outcomes = {task["name"]: task["outcome"] for task in reading.watch_run(reading.list_runs(1)[0])}
        assert outcomes["Train sample"] == "reused"
        assert outcomes["Evaluate sample"] == "running"
        assert outcomes["Score sample"] is None

    def test_progress_counts_expected_seconds(self):
        started = datetime(2025, 1, 1, tzinfo=UTC)
        planned = [
            {"name": name, "outlook": outlook, "seconds": seconds, "outcome": None, "started_at": ""}
            for name, outlook, seconds in (("a", "reused", 99.0), ("b", "runs", 10.0), ("c", "runs", 29.0), ("d", "may run", 0.0))
        ]
        record = {"tasks": planned, "started_at": started.isoformat()}
        tasks = [
            planned[0] | {"outcome": "reused"},
            planned[1] | {"outcome": "built", "started_at": started.isoformat()},
            planned[2] | {"outcome": "running"},
            planned[3],
        ]
        progress = reading.measure_progress(record, tasks, started.replace(second=9))
        assert progress.running == ("c",)
        assert progress.left_s == pytest.approx(20 + 1)  # what never ran counts as one second
        assert progress.share == pytest.approx(1 - 21 / 40)
        late = reading.measure_progress(record, tasks, started.replace(minute=9))
        assert late.left_s == pytest.approx(1)

    def test_a_real_one_is_seen_from_its_first_second_to_its_end(self, own_project, open_page):
        plan = SamplePlan(rows=900, nights=9, seed=0)
        write_deliveries(own_project / "data/raw/sample", plan)
        night = max(path.stem for path in (own_project / "data/raw/sample").glob("*.csv"))
        assert night > NIGHTS[-1]
        before = newest_record(own_project)["run"]
        command = [sys.executable, "-m", "luigi", "--module", "pipeline", "Nightly", "--market", "sample", "--as-of", night]
        options = ["--local-scheduler", "--Train-profile", "quick"]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
        environment.pop("INCREMENTAL_RUN", None)
        process = subprocess.Popen(
            [*command, *options], cwd=own_project, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        app, seen = open_page("tonight"), set()
        try:
            while process.poll() is None:
                app.run()
                assert not app.exception, [one.value for one in app.exception]
                if metrics(app)["Run"] == "running":
                    seen |= {re.sub(r"\\", "", bar.proto.text).partition(" · ")[2] for bar in app.get("progress")}
                time.sleep(0.2)
        finally:
            process.wait(120)
        app.run()
        assert any("now " in text for text in seen), seen
        assert metrics(app)["Run"] == "done"
        assert newest_record(own_project)["run"] != before
        assert not app.get("progress")


def test_causes_are_told_in_the_readers_language():
    task = {"outcome": "built", "outlook": "runs", "causes": [{"reason": "upstream", "detail": "Clean sample"}]}
    assert running.tell_causes(task, Words("en")) == "what it rests on is rebuilt: Clean sample"
    assert running.tell_causes(task, Words("fr")) == "ce dont il dépend est reconstruit : Clean sample"
