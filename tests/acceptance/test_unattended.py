"""Nights that nobody watches, by the real commands: one at a time, late and missed deliveries, signals, limits, luigid going away."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.sample import SamplePlan, write_deliveries
from tests.making import make_once

from .conftest import LENIENT, SMALL, Project, new_project

OPTIONS = (*SMALL, *LENIENT)
SLOW = ("--Train-iterations-factor", "100", *LENIENT)
WAITING = """like = "sample"
title = "Sample (synthetic adverts)"
synthetic = true
[delivery]
wait_minutes = {minutes}
must_arrive = {must_arrive}
"""


def nightly(project: Project, *arguments: str, **environment: Any) -> tuple[int, str]:
    return project.run(sys.executable, "-m", "pipeline", "nightly", *arguments, **environment)


_started: list[subprocess.Popen[str]] = []


def start_nightly(project: Project, *arguments: str, **environment: Any) -> subprocess.Popen[str]:
    _started.append(project.start(sys.executable, "-m", "pipeline", "nightly", *arguments, **environment))
    return _started[-1]


@pytest.fixture(autouse=True)
def _end_what_was_started() -> Iterator[None]:
    """End what a test that failed left running: it would slow down all that follow."""
    yield
    while _started:
        process = _started.pop()
        if process.poll() is None:
            process.kill()
            process.communicate()


def set_option(project: Project, name: str, value: object) -> None:
    """Set one option of luigi.cfg, in the section [nightly] where it is new."""
    path = project.root / "luigi.cfg"
    text, found = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", path.read_text())
    path.write_text(text if found else text.replace("[nightly]\n", f"[nightly]\n{name} = {value}\n"))


def current(project: Project, market: str = "sample") -> dict:
    return json.loads((project.root / f"data/current/{market}.json").read_text())


def open_alerts(project: Project, market: str = "sample") -> list[str]:
    found = json.loads((project.root / f"data/alerts/{market}.json").read_text())
    return [incident["kind"] for incident in found["incidents"]]


def nights_of(project: Project) -> list[str]:
    return sorted(json.loads(path.read_text())["night"] for path in project.root.glob("data/nightly/*/night.json"))


def wait_for(happened: Callable[[], Any], seconds: float = 90) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := happened():
            return found
        time.sleep(0.1)
    raise AssertionError("it never happened")


def wait_for_training(project: Project) -> None:
    wait_for(lambda: list(project.root.glob("models/.building-*")))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose first two nights are done: tests take copies of it."""
    return Project(make_once(tmp_path_factory, "two-nights", _do_two_nights))


def _do_two_nights(root: Path) -> None:
    project = new_project(root)
    write_deliveries(project.root / "more", SamplePlan(rows=800, nights=5))
    for night in ("2025-01-06", "2025-01-07"):
        deliver(project, night)
        code, printed = nightly(project, *OPTIONS, PIPELINE_TODAY=night)
        assert code == 0, printed


@pytest.fixture
def after_two(done: Project, tmp_path: Path) -> Project:
    """A copy of that project."""
    root = tmp_path / "copy"
    shutil.copytree(done.root, root, copy_function=shutil.copy2)
    return Project(root)


def deliver(project: Project, night: str, *, age_s: float = 3600) -> None:
    """Put the delivery of a night where deliveries are put, written so long ago."""
    target = project.root / f"data/raw/sample/{night}.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(project.root / f"more/{night}.csv", target)
    os.utime(target, (time.time() - age_s,) * 2)


def test_a_night_is_logged_and_its_rerun_builds_nothing(after_two: Project) -> None:
    assert nights_of(after_two) == ["2025-01-06", "2025-01-07"]
    before = after_two.outputs()

    code, printed = nightly(after_two, *OPTIONS, PIPELINE_TODAY="2025-01-07")

    assert code == 0, printed
    assert "0 tasks built" in printed.splitlines()[-1]
    assert after_two.outputs() == before
    assert after_two.leftovers() == []
    newest = max(after_two.root.glob("data/logs/nightly-*.log"))
    assert newest.read_text().strip() == printed.strip()


def test_one_nightly_at_a_time_also_beside_a_backfill(after_two: Project) -> None:
    first = start_nightly(after_two, *SLOW, PIPELINE_TODAY="2025-01-08")
    wait_for_training(after_two)
    for command in (("nightly",), ("backfill", "--from", "2025-01-06", "--to", "2025-01-07")):
        code, printed = after_two.run(sys.executable, "-m", "pipeline", *command, *OPTIONS)
        assert (code, printed.count("\n")) == (10, 1), printed
        assert f"process {first.pid}, since" in printed
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=60)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)], ids=["term", "hangup", "ctrl-c"]
)
def test_a_signal_ends_it_cleanly_with_its_children(after_two: Project, number: int, code: int) -> None:
    run = start_nightly(after_two, *SLOW, PIPELINE_TODAY="2025-01-08")
    wait_for_training(after_two)
    children = psutil.Process(run.pid).children(recursive=True)
    assert len(children) >= 2

    run.send_signal(number)

    printed, _ = run.communicate(timeout=60)
    assert run.returncode == code, printed
    assert "run again to go on" in printed
    assert "Traceback" not in printed
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert after_two.records()[-1]["state"] == "interrupted"
    assert after_two.leftovers() == []


@pytest.mark.parametrize("whom", ["nightly", "luigi"])
def test_what_is_killed_takes_its_children_along_and_the_next_night_makes_up_for_it(after_two: Project, whom: str) -> None:
    run = start_nightly(after_two, *SLOW, PIPELINE_TODAY="2025-01-08")
    wait_for_training(after_two)
    family = psutil.Process(run.pid).children(recursive=True)
    (child,) = psutil.Process(run.pid).children()

    os.kill(run.pid if whom == "nightly" else child.pid, signal.SIGKILL)

    printed, _ = run.communicate(timeout=60)
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
    assert run.returncode == (-signal.SIGKILL if whom == "nightly" else 30), printed
    if whom == "luigi":
        assert "it was killed by signal 9" in printed
        assert "run-failed" in open_alerts(after_two)
    deliver(after_two, "2025-01-08")
    code, printed = nightly(after_two, *OPTIONS, PIPELINE_TODAY="2025-01-08")
    assert code == 0, printed
    assert after_two.leftovers() == []
    assert nights_of(after_two)[-1] == "2025-01-08"
    assert [record["state"] for record in after_two.records()[-2:]] == ["killed", "done"]


def test_a_night_that_takes_too_long_is_ended_and_told(after_two: Project) -> None:
    set_option(after_two, "max_seconds", 6)

    code, printed = nightly(after_two, *SLOW, PIPELINE_TODAY="2025-01-08")

    assert code == 30, printed
    assert "took longer than 6 s ([nightly] max_seconds)" in printed
    assert open_alerts(after_two).count("run-failed") == 1
    assert "2025-01-07" in (after_two.root / "data/alerts/alerts.log").read_text()  # whose prices stay
    assert current(after_two)["as_of"] == "2025-01-07"


def test_a_market_that_fails_holds_up_no_other_and_no_failure_ends_with_0(after_two: Project) -> None:
    (after_two.root / "data/raw/uk").mkdir()
    (after_two.root / "data/raw/uk/ford.csv").write_text("nothing,of,this\n1,2,3\n")
    deliver(after_two, "2025-01-09")

    code, printed = nightly(after_two, *OPTIONS, PIPELINE_TODAY="2025-01-09")

    assert code == 20, printed
    assert "Traceback" not in printed
    assert nights_of(after_two)[-1] == "2025-01-09"
    assert "run-failed" in open_alerts(after_two, "uk")
    assert "run-failed" not in open_alerts(after_two)
    code, printed = after_two.pipeline("status", "--market", "uk")
    assert code == 0
    assert re.search(r"alert .*exit code 20", printed)


def test_missed_nights_are_made_up_for_in_order(after_two: Project) -> None:
    deliver(after_two, "2025-01-09")
    deliver(after_two, "2025-01-10")

    code, printed = nightly(after_two, *OPTIONS, PIPELINE_TODAY="2025-01-10")

    assert code == 0, printed
    assert "making up for the night of 2025-01-09, which was missed" in printed
    assert nights_of(after_two) == ["2025-01-06", "2025-01-07", "2025-01-09", "2025-01-10"]
    assert current(after_two)["as_of"] == "2025-01-10"


def test_a_clock_that_went_back_moves_nothing_back_and_is_told(after_two: Project) -> None:
    before = current(after_two), (after_two.root / "data/champion/sample.json").read_text()

    code, printed = nightly(after_two, *OPTIONS, PIPELINE_TODAY="2025-01-06")

    assert code == 0, printed
    assert (current(after_two), (after_two.root / "data/champion/sample.json").read_text()) == before
    assert "The last good night is 2025-01-07, which lies after tonight's 2025-01-06" in printed + status(after_two)


def test_a_delivery_from_the_future_is_left_out_and_told(after_two: Project) -> None:
    deliver(after_two, "2025-01-10")

    code, printed = nightly(after_two, *OPTIONS, PIPELINE_TODAY="2025-01-08")

    assert code == 0, printed
    assert "1 delivery is dated after 2025-01-08: 2025-01-10.csv" in status(after_two)
    account = json.loads((after_two.root / current(after_two)["stages"]["check"] / "account.json").read_text())
    assert "2025-01-10.csv" not in account["deliveries"]


def status(project: Project) -> str:
    code, printed = project.pipeline("status", "--market", "sample")
    assert code == 0, printed
    return printed


class TestALateDelivery:
    """The night waits for it up to a limit without holding a worker, then goes on without it, or fails where the market says so."""

    def wait(self, project: Project, minutes: float, *, must_arrive: bool = False) -> None:
        """Make the market wait so long."""
        text = WAITING.format(minutes=minutes, must_arrive=str(must_arrive).lower()).replace(
            'like = "sample"', 'like = "avito_ma"'
        )
        (project.root / "pipeline/markets/sample.toml").write_text(text)
        set_option(project, "poll_seconds", 0.5)

    def test_it_is_taken_in_when_it_comes_in_time(self, after_two: Project) -> None:
        self.wait(after_two, 5)
        run = start_nightly(after_two, *OPTIONS, PIPELINE_TODAY="2025-01-09")
        wait_for(lambda: "waiting for the delivery of sample" in log_of(after_two))
        assert len(psutil.Process(run.pid).children(recursive=True)) == 0, "a worker is held"
        deliver(after_two, "2025-01-09", age_s=9)  # one second later it counts as whole
        printed, _ = run.communicate(timeout=120)
        assert run.returncode == 0, printed
        account = json.loads((after_two.root / current(after_two)["stages"]["check"] / "account.json").read_text())
        assert "2025-01-09.csv" in account["deliveries"]

    def test_the_night_goes_on_without_it_and_says_so(self, after_two: Project) -> None:
        self.wait(after_two, 0.02)
        code, printed = nightly(after_two, *OPTIONS, PIPELINE_TODAY="2025-01-09")
        assert code == 0, printed
        assert "going on without it" in printed
        assert "The delivery of 2025-01-09 has not come" in status(after_two)

    def test_the_night_fails_where_the_market_says_that_it_must_come(self, after_two: Project) -> None:
        self.wait(after_two, 0.02, must_arrive=True)
        code, printed = nightly(after_two, *OPTIONS, PIPELINE_TODAY="2025-01-09")
        assert code == 20, printed
        assert "must_arrive" in printed
        assert current(after_two)["as_of"] == "2025-01-07"


def log_of(project: Project) -> str:
    return max(project.root.glob("data/logs/nightly-*.log")).read_text()


class TestLuigid:
    """luigid is used where it answers; that it goes away, comes back, or hangs costs no night."""

    @pytest.mark.parametrize("what", ["killed", "restarted", "hung"])
    def test_that_it_goes_away_in_the_middle_costs_no_night(self, after_two: Project, what: str) -> None:
        port = free_port()
        set_option(after_two, "scheduler_port", port)
        deliver(after_two, "2025-01-08")
        deliver(after_two, "2025-01-09")
        luigid = start_luigid(after_two, port)
        run = start_nightly(after_two, *OPTIONS, PIPELINE_TODAY="2025-01-09")
        wait_for_training(after_two)
        again = None
        try:
            os.kill(luigid.pid, signal.SIGSTOP if what == "hung" else signal.SIGKILL)
            if what == "restarted":
                luigid.wait()
                again = start_luigid(after_two, port)
            printed, _ = run.communicate(timeout=240)
        finally:
            for process in filter(None, (luigid, again)):
                process.kill()
                process.communicate()
        assert run.returncode == 0, printed
        assert nights_of(after_two)[-1] == "2025-01-09"
        assert [kind for kind in open_alerts(after_two) if kind == "run-failed"] == []


def free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def start_luigid(project: Project, port: int) -> subprocess.Popen[str]:
    from pipeline.services import scheduler

    process = project.start(sys.executable, "-m", "pipeline", "luigid", "--port", str(port))
    wait_for(lambda: scheduler.answers("127.0.0.1", port))
    return process


class TestBackfill:
    """Nights in order as each would have run then; nothing present moves; stopping and going on gives the same bytes."""

    def test_it_makes_the_nights_that_cron_made_and_going_on_costs_nothing(self, done: Project, after_two: Project) -> None:
        for folder in (after_two.root / "models", after_two.root / "data"):
            empty(folder, keep=("raw",))
        command = (sys.executable, "-m", "pipeline", "backfill", "--from", "2025-01-01", "--to", "2025-01-07", *OPTIONS)

        run = after_two.start(*command)
        wait_for(lambda: nights_of(after_two))
        time.sleep(1)
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        wait_for(lambda: not [each for each in psutil.process_iter() if str(after_two.root) in " ".join(cmdline(each))])
        code, printed = after_two.run(*command)

        assert code == 0, printed
        assert "1 there already" in printed
        assert nights_of(after_two) == ["2025-01-06", "2025-01-07"]
        assert not (after_two.root / "data/alerts").exists(), "nobody is told of the past"
        assert after_two.outputs() == done.outputs()
        assert current(after_two)["stages"] == current(done)["stages"]

    def test_nights_before_the_present_drag_nothing_back(self, after_two: Project) -> None:
        deliver(after_two, "2025-01-10")
        assert nightly(after_two, *OPTIONS, PIPELINE_TODAY="2025-01-10")[0] == 0
        kept = ("data/current/sample.json", "data/champion/sample.json", "data/alerts/sample.json", "data/journal/sample.jsonl")
        before = [(after_two.root / name).read_bytes() for name in kept]
        deliver(after_two, "2025-01-09")

        code, printed = after_two.run(
            sys.executable, "-m", "pipeline", "backfill", "--from", "2025-01-06", "--to", "2025-01-09", *OPTIONS
        )

        assert code == 0, printed
        assert "2 there already" in printed
        assert nights_of(after_two) == ["2025-01-06", "2025-01-07", "2025-01-08", "2025-01-09", "2025-01-10"]
        assert [(after_two.root / name).read_bytes() for name in kept] == before

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (("--from", "2025-01-07", "--to", "2025-01-06"), "--to 2025-01-06 lies before --from 2025-01-07."),
            (("--from", "yesterday", "--to", "2025-01-06"), "--from 'yesterday' is no date: write it as 2025-02-28."),
            (("--from", "2025-01-06", "--to", "2025-01-06", "--market", "smaple"), "did you mean 'sample'?"),
        ],
    )
    def test_a_slip_is_one_message_and_code_2(self, project: Project, arguments: tuple[str, ...], told: str) -> None:
        code, printed = project.pipeline("backfill", *arguments)
        assert code == 2
        assert told in printed
        assert "Traceback" not in printed


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline() if process.cwd() else []
    except psutil.Error:
        return []


def empty(folder: Path, keep: tuple[str, ...] = ()) -> None:
    """Delete what a folder holds, read-only or not."""
    for path in folder.iterdir():
        if path.name not in keep:
            for each in [path, *path.rglob("*")]:
                if each.is_dir():
                    each.chmod(0o755)
            shutil.rmtree(path) if path.is_dir() else path.unlink()
