"""Crashes at every write, kills at any moment, a full disk, many runs at once: `python -m benchmarks.faults`.

A small run is done once undisturbed, and its operations on the disk are counted by a preloaded library (`faults.c`). Then it is
done again and again in fresh copies of the same project, each time with another fault. What is there after the fault must be whole, and
the next run must end with the bytes of the undisturbed one and leave nothing behind. Only for Linux with a C compiler.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.machine import describe_machine
from benchmarks.projects import compile_code, temporary_project
from pipeline.sample import SamplePlan, write_deliveries

SOURCE = Path(__file__).with_name("faults.c")
EVALUATE = ("Evaluate", "--Train-profile", "quick", "--Split-min-judged", "20")
# A promotion that the rules as they are would not allow a model so small: a later night's model is fresher, and hardly worse is enough.
SETTINGS = (
    *(
        "--Train-profile",
        "quick",
        "--Split-min-judged",
        "20",
        "--Promote-max-baseline-share",
        "100",
        "--Promote-min-judged",
        "20",
    ),
    *("--Promote-coverage-margin-share", "0.5", "--Promote-max-worse-share", "0.9", "--Promote-min-segment-cars", "1000"),
)
WEAK = ("--as-of", "2025-01-06", "--Train-max-listings", "100", *SETTINGS)
BETTER = ("--as-of", "2025-02-01", *SETTINGS)
SMALL = SamplePlan(rows=300, nights=2)
LARGER = SamplePlan(rows=3000, nights=8)
STALE, PARTIAL, LOST, SILENT, UNEXPLAINED, LEFT = COLUMNS = (
    "stale",
    "partial",
    "lost",
    "exit 0 on failure",
    "no message",
    "left behind",
)
STAGES = ("data/ingest", "data/check", "data/clean", "data/split", "models", "data/evaluate", "data/current", "data/mlflow")
HANGS_S = 180
ENDS_S = 20  # how long processes of a run that was killed may live on
Finding = tuple[str, str]


@dataclass(frozen=True)
class Operation:
    """One thing that a run did to the disk."""

    number: int
    name: str
    path: str


@dataclass(frozen=True)
class Setup:
    """A project as it is before a run, and what the undisturbed run makes of it."""

    project: Path
    library: Path
    command: tuple[str, ...]
    night: str = ""  # run as `nightly` on that date, nobody watching
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    operations: tuple[Operation, ...] = ()
    seconds: float = 0.0

    def distinct(self, every: int = 1) -> list[Operation]:
        """Return the operations, but of those that are one of many alike every so many alone."""
        pairs = zip((None, *self.operations), self.operations, strict=False)
        return [now for last, now in pairs if not _repeats(last, now) or now.number % every == 0]


@dataclass(frozen=True)
class Disturbed:
    """How a disturbed run ended."""

    fault: str
    code: int
    printed: str
    found: tuple[Finding, ...] = ()


Disturbance = Callable[[Setup, Path], Disturbed]


@dataclass(frozen=True)
class Trial:
    """One fault: `disturb` runs the command in a fresh copy of the project and lets something go wrong."""

    kind: str
    setup: Setup
    disturb: Disturbance


@dataclass(frozen=True)
class Outcome:
    """What was wrong after a fault."""

    kind: str
    fault: str
    found: tuple[Finding, ...]


def can_run() -> str:
    """Say why faults cannot be tried here, or nothing."""
    if sys.platform != "linux":
        return "faults are injected by LD_PRELOAD, which only Linux has"
    return "" if shutil.which("cc") else "the library that injects faults needs a C compiler (cc)"


def prepare(folder: Path, plan: SamplePlan, *options: str, is_later: bool = False) -> Setup:
    """Make a project in `folder` and run a copy of it undisturbed; `is_later`: the nights but the last were run before."""
    setup = replace(_make_project(folder, plan), command=(*EVALUATE, *options))
    if is_later:
        last = max((setup.project / "data/raw/sample").glob("*.csv"))
        with _aside(last, folder / "last"):
            _expect_success(run(setup, setup.project))
    return _observe(setup)


def prepare_promotion(folder: Path, plan: SamplePlan) -> Setup:
    """Make a project whose weak model is champion and whose better one is judged: the run is the latter's promotion, and nothing else."""
    setup = _make_project(folder, plan)
    for command in (("Promote", *WEAK), ("Evaluate", *BETTER)):
        _expect_success(run(replace(setup, command=command), setup.project))
    return _observe(replace(setup, command=("Promote", *BETTER)))


def prepare_night(folder: Path, plan: SamplePlan) -> Setup:
    """Make a project whose first night is done: the run is the second one's, by the command that cron calls."""
    setup = _make_project(folder, plan)
    first, last = sorted((setup.project / "data/raw/sample").glob("*.csv"))
    night = replace(setup, command=SETTINGS)
    with _aside(last, folder / "last"):
        _expect_success(run(replace(night, night=first.stem), setup.project))
    return _observe(replace(night, night=last.stem))


def _make_project(folder: Path, plan: SamplePlan) -> Setup:
    """Make a project with deliveries and nothing built, its code compiled, and the library that lets operations go wrong."""
    library, project = folder / "faults.so", folder / "before"
    if not library.exists():
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"], check=True)
    with temporary_project() as root:
        shutil.copytree(root, project)
    compile_code(project)
    write_deliveries(project / "data/raw/sample", plan)
    return Setup(project, library, ())


def _observe(setup: Setup) -> Setup:
    """Run a copy of the project undisturbed, and return the setup with what was seen."""
    with fresh_copy(setup) as root:
        clock = time.monotonic()
        _expect_success(run(setup, root, at=0))
        seconds = time.monotonic() - clock
        return replace(setup, before=state(setup.project), after=state(root), operations=tuple(read_log(root)), seconds=seconds)


@contextlib.contextmanager
def fresh_copy(setup: Setup) -> Iterator[Path]:
    """Yield a copy of the project as it is before the run."""
    folder = Path(tempfile.mkdtemp(dir=setup.project.parent))
    try:
        yield Path(shutil.copytree(setup.project, folder / "project"))
    finally:
        for path in folder.rglob("*"):
            if path.is_dir():
                path.chmod(0o755)
        shutil.rmtree(folder)


def start(setup: Setup, root: Path, at: int | None = None, action: str = "") -> subprocess.Popen[bytes]:
    """Start the run in a process group of its own; with `at`, its operations are counted, and that one goes wrong (0: none)."""
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    if at is not None:
        counter = root.with_name("operations")
        counter.write_bytes(bytes(8))
        watched = f"{root / 'data'}:{root / 'models'}"
        # A path to preload may hold no blank, a folder to look in may.
        environment |= {
            "LD_PRELOAD": setup.library.name,
            "LD_LIBRARY_PATH": str(setup.library.parent),
            "FAULT_ROOT": watched,
            "FAULT_COUNTER": str(counter),
        }
        environment |= {"FAULT_AT": str(at), "FAULT_ACTION": action}
    luigi = Path(sys.executable).with_name("luigi")
    command = [luigi, "--module", "pipeline", *setup.command, "--local-scheduler"]
    if setup.night:
        command = [sys.executable, "-m", "pipeline", "nightly", "--market", "sample", *setup.command]
        environment["PIPELINE_TODAY"] = setup.night
    with root.with_name("printed").open("ab") as printed:
        return subprocess.Popen(
            command,
            cwd=root,
            env=environment,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
        )


def run(setup: Setup, root: Path, at: int | None = None, action: str = "") -> Disturbed:
    """Run to the end, however that comes."""
    return wait(root, "", start(setup, root, at, action))


def wait(root: Path, fault: str, *runs: subprocess.Popen[bytes]) -> Disturbed:
    """Wait until the runs and all their processes have ended."""
    found: list[Finding] = []
    for process in runs:
        try:
            process.wait(HANGS_S)
        except subprocess.TimeoutExpired:
            found.append((LOST, f"the run hangs for {HANGS_S} s"))
            os.killpg(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + ENDS_S
    while (alive := _members(root)) and time.monotonic() < deadline:
        time.sleep(0.05)
    if alive:
        found.append((LEFT, f"processes that live on: {list(alive.values())}"))
        _end(*alive)
    printed = root.with_name("printed")
    text = printed.read_text(errors="replace")
    printed.unlink()
    return Disturbed(fault, max((process.wait() for process in runs), key=abs), text, tuple(found))


def at_operation(number: int, action: str) -> Disturbance:
    """Let one operation go wrong."""

    def disturb(setup: Setup, root: Path) -> Disturbed:
        ended = run(setup, root, number, action)
        met = next((f"{one.name} {one.path}" for one in read_log(root) if one.number == number), "never came")
        found = list(ended.found)
        says = _last_line(ended)
        if action == "enospc" and ended.code and (os.strerror(errno.ENOSPC) not in says or "Traceback" in ended.printed):
            found.append((UNEXPLAINED, f"exit {ended.code}, and says: {says}"))
        return replace(ended, fault=f"{action} at operation {number} ({met})", found=tuple(found))

    return disturb


def at_moment(seed: str, number: signal.Signals, *, is_parent: bool) -> Disturbance:
    """Send a signal to the run, or to one of its children, at a random moment."""

    def disturb(setup: Setup, root: Path) -> Disturbed:
        rng = random.Random(seed)
        moment = rng.uniform(0, setup.seconds)
        process = start(setup, root)
        time.sleep(moment)
        there = _members(root)
        children = sorted(there.keys() - {process.pid})
        victim = process.pid if is_parent or not children else rng.choice(children)
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, number)
        who = "parent" if victim == process.pid else there[victim]
        return wait(root, f"{number.name} to {who} after {moment:.2f} s", process)

    return disturb


def at_night(seed: str) -> Disturbance:
    """Kill the nightly, what it started, or its luigid at a random moment; half of the luigids are started again at once."""

    def disturb(setup: Setup, root: Path) -> Disturbed:
        rng = random.Random(seed)
        moment, who = rng.uniform(0, setup.seconds), rng.choice(("nightly", "child", "luigid", "luigid, restarted"))
        luigids = [_start_luigid(root)]
        process = start(setup, root)
        time.sleep(moment)
        ours = {one for luigid in luigids for one in (luigid.pid, process.pid)}
        children = sorted(_members(root).keys() - ours)
        if who == "child" and not children:  # it has started none yet
            who = "nightly"
        victim = luigids[0].pid if who.startswith("luigid") else process.pid if who == "nightly" else rng.choice(children)
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        if who == "luigid, restarted":
            luigids[0].wait()
            luigids.append(_start_luigid(root, is_again=True))
        _wait_for(process)
        for luigid in luigids:
            luigid.kill()
            luigid.wait()
        ended = wait(root, f"SIGKILL to {who} after {moment:.2f} s", process)
        is_told = ended.code == 0 or who == "nightly"
        return (
            ended
            if is_told or _has_alert(root, "run-failed")
            else replace(ended, found=(*ended.found, (UNEXPLAINED, "no alert")))
        )

    return disturb


def hung(seed: str) -> Disturbance:
    """Stop all that the nightly started, at a random moment: it ends them when their time is up, and says so."""

    def disturb(setup: Setup, root: Path) -> Disturbed:
        moment = random.Random(seed).uniform(2, setup.seconds)
        _set_option(root, "max_seconds", round(setup.seconds) + 10)
        process = start(setup, root)
        time.sleep(moment)
        stopped = sorted(_members(root).keys() - {process.pid})
        for child in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGSTOP)
        ended = wait(root, f"all children stopped after {moment:.2f} s", process)
        says_so = "took longer than" in ended.printed and _has_alert(root, "run-failed")
        _set_option(root, "max_seconds", 14400)
        if ended.code and not says_so:
            return replace(ended, found=(*ended.found, (UNEXPLAINED, _last_line(ended))))
        return ended

    return disturb


def locked_database() -> Disturbance:
    """Hold MLflow's database for as long as the run takes."""

    def disturb(setup: Setup, root: Path) -> Disturbed:
        with contextlib.closing(sqlite3.connect(root / "data/mlflow/mlflow.db", isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            ended = run(setup, root)
            holder.execute("ROLLBACK")
        if not ended.code or "database is locked" not in ended.printed or "Traceback" in ended.printed:
            return replace(ended, found=(*ended.found, (UNEXPLAINED, f"exit {ended.code}, and says: {_last_line(ended)}")))
        return replace(ended, fault="MLflow's database is locked")

    return disturb


def at_once(count: int) -> Disturbance:
    """Start several runs of the same at once: all end well, and each result is built by one of them."""

    def disturb(setup: Setup, root: Path) -> Disturbed:
        ended = wait(root, f"{count} runs at once", *(start(setup, root) for _ in range(count)))
        found = [*ended.found, *((LEFT, f"{path} after all runs ended") for path in left_behind(root))]
        if ended.code:
            found.append((LOST, f"one ends with {ended.code}: {_last_line(ended)}"))
        built, new = ended.printed.count(" built "), len(_results(root)) - len(_results(setup.project))
        if built != new:
            found.append((LOST, f"{built} builds of {new} results"))
        return replace(ended, found=tuple(found))

    return disturb


def try_fault(trial: Trial) -> Outcome:
    """Disturb a run, look at what is there, run again, and look again."""
    setup = trial.setup
    with fresh_copy(setup) as root:
        ended = trial.disturb(setup, root)
        shown = state(root)
        found = [*ended.found, *((PARTIAL, text) for text in partial(root))]
        for name, digest in shown.items():
            if digest not in (setup.before.get(name), setup.after.get(name)):
                found.append((STALE, f"{name} is neither as before nor as it should be"))
        if ended.code == 0 and shown != setup.after:
            found.append((SILENT, f"exit 0 without {_difference(shown, setup.after)}"))
        kept = {path: (path / "manifest.json").read_bytes() for path in _results(root) if (path / "manifest.json").exists()}

        again = run(setup, root)

        found.extend(again.found)
        if again.code:
            found.append((LOST, f"the next run ends with {again.code}: {_last_line(again)}"))
        shown = state(root)
        if shown.keys() != setup.after.keys():
            found.append((LOST, f"the next run ends with other files: {_difference(shown, setup.after)}"))
        elif shown != setup.after:
            found.append((STALE, f"the next run ends with other bytes: {_difference(shown, setup.after)}"))
        for path, manifest in kept.items():
            if not (path / "manifest.json").exists() or (path / "manifest.json").read_bytes() != manifest:
                found.append((LOST, f"{path.relative_to(root)} was committed, and is gone or was built again"))
        found.extend((PARTIAL, f"after the next run: {text}") for text in partial(root))
        found.extend((LEFT, text) for text in left_behind(root))
        return Outcome(trial.kind, ended.fault.replace(f"{root}/", ""), tuple(dict.fromkeys(found)))


def state(root: Path) -> dict[str, str]:
    """Return what the project shows: the digest of each committed file but manifests, what is current, who is champion and what tells of it."""
    files = [path for folder in _results(root) for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json"]
    shown = {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    shown |= {name: "a page" for name in shown if name.startswith("data/report/")}  # it tells what its own run built
    for path in (root / "data/current").glob("*.json"):
        with contextlib.suppress(ValueError, KeyError):
            current = json.loads(path.read_bytes())
            name = path.relative_to(root).as_posix()
            shown |= {f"{name} {stage}": place for stage, place in {"as_of": current["as_of"], **current["stages"]}.items()}
    for path in (root / "data/champion").glob("[!.]*.json"):
        with contextlib.suppress(ValueError, KeyError):
            found = json.loads(path.read_bytes())
            former = [seat["version"] for seat in found["earlier"]]
            shown[path.relative_to(root).as_posix()] = json.dumps(
                [found["version"], found["fingerprint"], found["as_of"], former]
            )
    for path in (root / "data/journal").glob("[!.]*.jsonl"):
        lines = [_reads_text(line) for line in path.read_text().splitlines()]
        shown[path.relative_to(root).as_posix()] = json.dumps(
            [[line.get(key) for key in ("what", "from", "to")] for line in lines]
        )
    return shown | _aliases(root)


def _aliases(root: Path) -> dict[str, str]:
    """Return which version each alias of MLflow's registry names."""
    path = root / "data/mlflow/mlflow.db"
    if not path.exists():
        return {}
    with contextlib.closing(sqlite3.connect(path)) as database, contextlib.suppress(sqlite3.OperationalError):
        rows = database.execute("SELECT name, alias, version FROM registered_model_aliases").fetchall()
        return {f"alias {alias} of {name}": str(version) for name, alias, version in rows}
    return {}


def _reads_text(line: str) -> dict[str, object]:
    with contextlib.suppress(ValueError):
        return dict(json.loads(line))
    return {"what": f"no JSON: {line[:40]}"}


def partial(root: Path) -> list[str]:
    """Name what looks finished and is not whole."""
    found = []
    for folder in _results(root):
        try:
            recorded = json.loads((folder / "manifest.json").read_bytes())["files"]
            there = {path.name for path in folder.iterdir()} - {"manifest.json"}
            digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in recorded}
            if there != recorded.keys() or any(digests[name] != record["sha256"] for name, record in recorded.items()):
                found.append(f"{folder.relative_to(root)} is not what its manifest says")
        except (OSError, ValueError, KeyError) as error:
            found.append(f"{folder.relative_to(root)}: {error!r}")
    for path in (root / "data/current").glob("[!.]*.json"):
        try:
            missing = [place for place in json.loads(path.read_bytes())["stages"].values() if not (root / place).is_dir()]
        except (ValueError, KeyError) as error:
            missing = [repr(error)]
        found.extend(f"{path.relative_to(root)} names {place}" for place in missing)
    found.extend(f"{path.relative_to(root)} is no JSON" for path in (root / "data/runs").glob("[!.]*.json") if not _reads(path))
    return found


def left_behind(root: Path) -> list[str]:
    """Name what a run that ended well leaves none of: drafts, half-built folders, locks, records of runs that seem to go on."""
    patterns = ("data/**/.*", "models/**/.*", "data/locks/*", "data/**/*-luigi-tmp-*", "data/mlflow/**/*-journal")
    found = [path.relative_to(root).as_posix() for pattern in patterns for path in root.glob(pattern)]
    for path in (root / "data/runs").glob("[!.]*.json"):
        if (record := _reads(path)) and record.get("state") == "running":
            found.append(f"{path.relative_to(root)} says running")
    for path in (root / "data/mlflow").rglob("*.db"):
        with contextlib.closing(sqlite3.connect(path)) as database:
            sound = database.execute("PRAGMA integrity_check").fetchone()[0]
            found.extend([f"{path.relative_to(root)}: {sound}"] if sound != "ok" else [])
            with contextlib.suppress(sqlite3.OperationalError):  # a database without runs
                running = database.execute("SELECT count(*) FROM runs WHERE status = 'RUNNING'").fetchone()[0]
                found.extend([f"{running} MLflow runs seem to go on"] if running else [])
    return sorted(set(found))


def read_log(root: Path) -> Iterator[Operation]:
    """Yield what the counted run in that copy did to the disk."""
    for line in root.with_name("operations.log").read_text().splitlines():
        number, name, path = line.split("\t")
        yield Operation(int(number), name, path.removeprefix(f"{root}/"))


def plan_nights(night: Setup, moments: int, seed: str) -> list[Trial]:
    """Return all faults of nights that nobody watches."""
    kind = "unattended: kill -9 of nightly, child or luigid at a random moment"
    trials = [Trial(kind, night, at_night(f"{seed}-night-{number}")) for number in range(moments)]
    back = night.operations[:: max(1, len(night.operations) // max(1, moments // 8))]
    trials += [Trial("unattended: the clock goes back", night, at_operation(one.number, "clock")) for one in back]
    trials += [Trial("unattended: a hung stage", night, hung(f"{seed}-hung-{number}")) for number in range(max(1, moments // 16))]
    return [*trials, Trial("unattended: a locked database", night, locked_database())]


def plan_trials(small: list[Setup], larger: Setup, every: int, moments: int, seed: str) -> list[Trial]:
    """Return all faults of a campaign."""
    trials = []
    for setup, when in zip(small, ("first run", "a night later", "a promotion"), strict=False):
        met = setup.distinct(every)
        by_action = {
            "kill": ("crash before each operation", met),
            "half": ("crash within each write", [one for one in met if one.name == "write"]),
            "enospc": ("disk full from each operation on", [one for one in met if one.name in ("mkdir", "open", "write")]),
            "eio": ("error of the disk at each operation", met),
        }
        for action, (kind, operations) in by_action.items():
            trials += [Trial(f"{kind}, {when}", setup, at_operation(one.number, action)) for one in operations]
        for stage in STAGES:
            first = next((one for one in setup.operations if one.name == "write" and one.path.startswith(f"{stage}/")), None)
            trials += [Trial("disk full at each stage", setup, at_operation(first.number, "enospc"))] if first else []
        trials += [Trial("two runs at once", setup, at_once(2)), Trial("four runs at once", setup, at_once(4))]
    for number in range(moments):
        kill = at_moment(f"{seed}-{number}", signal.SIGKILL, is_parent=number % 2 == 0)
        trials.append(Trial("kill -9 of parent or child at a random moment", larger, kill))
    for number in range(moments // 4):
        end = at_moment(f"{seed}-end-{number}", signal.SIGTERM, is_parent=True)
        trials.append(Trial("SIGTERM at a random moment", larger, end))
    return trials


def try_all(trials: list[Trial], jobs: int, minutes: float, seed: str) -> list[Outcome]:
    """Try the faults, of each kind a like share in any order, until the time is up; tell each failure at once."""
    random.Random(seed).shuffle(trials)
    deadline = time.monotonic() + 60 * minutes

    def try_one(trial: Trial) -> Outcome | None:
        if time.monotonic() > deadline:
            return None
        outcome = try_fault(trial)
        for column, text in outcome.found:
            print(f"- {outcome.kind}: {outcome.fault}: {column}: {text}", flush=True)
        return outcome

    with ThreadPoolExecutor(jobs) as pool:
        return [outcome for outcome in pool.map(try_one, trials) if outcome is not None]


def report(outcomes: Iterable[Outcome], planned: int) -> str:
    """Return the table as Markdown: in how many faults of each kind something was wrong."""
    by_kind: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_kind.setdefault(outcome.kind, []).append(outcome)
    done = sum(map(len, by_kind.values()))
    lines = [f"{done} of {planned} faults; {describe_machine()}.", "", f"| | faults | {' | '.join(COLUMNS)} |", "|---" * 8 + "|"]
    for kind, found in sorted(by_kind.items()):
        counts = [sum(any(column == name for column, _ in one.found) for one in found) for name in COLUMNS]
        lines.append(f"| {kind} | {len(found)} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)


def main() -> None:
    """Try the faults and print the table; exit 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="of operations that are one of many alike, every so many (1)")
    parser.add_argument("--random", type=int, default=200, help="kills at random moments of a larger run (200)")
    parser.add_argument("--short", action="store_true", help="--every 1000000 --random 8")
    parser.add_argument("--only", default="", help="kinds of fault whose name holds this")
    parser.add_argument("--minutes", type=float, default=600, help="when to stop; what was tried is a random part (600)")
    parser.add_argument("--jobs", type=int, default=2, help="faults tried at a time (2)")
    parser.add_argument("--seed", default="0", help="another one tries in another order, at other moments (0)")
    options = parser.parse_args()
    if reason := can_run():
        sys.exit(reason)
    every, moments = (1_000_000, 8) if options.short else (options.every, options.random)
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / part for part in ("first", "later", "larger", "promotion", "night")]
        for folder in folders:
            folder.mkdir()
        small = [prepare(folders[0], SMALL), prepare(folders[1], SMALL, is_later=True), prepare_promotion(folders[3], SMALL)]
        larger = prepare(folders[2], LARGER, "--workers", "2")
        night = prepare_night(folders[4], SMALL)
        trials = [*plan_trials(small, larger, every, moments, options.seed), *plan_nights(night, moments, options.seed)]
        trials = [trial for trial in trials if options.only in trial.kind]
        outcomes = try_all(trials, options.jobs, options.minutes, options.seed)
    print(report(outcomes, len(trials)))
    sys.exit(any(outcome.found for outcome in outcomes))


def _repeats(last: Operation | None, now: Operation) -> bool:
    """Say whether an operation is one of many alike: a further write to a file."""
    return last is not None and now.name == "write" and (last.name, last.path) == (now.name, now.path)


def _results(root: Path) -> list[Path]:
    """Return the folders that are named as committed results are."""
    return [path for path in (*root.glob("data/*/*"), *root.glob("models/*")) if re.fullmatch("[0-9a-f]{16}", path.name)]


def _members(root: Path) -> dict[int, str]:
    """Return the living processes that work in a project, with the ends of their command lines."""
    alive = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            if state not in "ZX" and (folder / "cwd").readlink() == root:
                alive[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ").strip()[-60:]
    return alive


def _end(*processes: int) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _wait_for(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(HANGS_S)


def _start_luigid(root: Path, *, is_again: bool = False) -> subprocess.Popen[bytes]:
    """Start luigid on a port of its own, which the project's settings name, and wait until it answers."""
    from pipeline.services import scheduler

    if not is_again:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            _set_option(root, "scheduler_port", free.getsockname()[1])
    port = int(re.findall(r"(?m)^scheduler_port = (\d+)", (root / "luigi.cfg").read_text())[0])
    luigid = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "luigid"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until = time.monotonic() + ENDS_S
    while not scheduler.answers("127.0.0.1", port) and time.monotonic() < until:
        time.sleep(0.1)
    return luigid


def _set_option(root: Path, name: str, value: int) -> None:
    path = root / "luigi.cfg"
    path.write_text(re.sub(rf"(?m)^{name} = .*$", f"{name} = {value}", path.read_text()))


def _has_alert(root: Path, kind: str) -> bool:
    path = root / "data/alerts/sample.json"
    return path.exists() and any(incident["kind"] == kind for incident in json.loads(path.read_bytes())["incidents"])


def _reads(path: Path) -> dict[str, object] | None:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _difference(found: dict[str, str], wanted: dict[str, str]) -> str:
    return ", ".join(sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))[:4])


def _last_line(ended: Disturbed) -> str:
    return (ended.printed.strip().splitlines() or ["nothing"])[-1][:200]


def _expect_success(ended: Disturbed) -> None:
    if ended.code:
        raise RuntimeError(f"the undisturbed run ends with {ended.code}:\n{ended.printed}")


@contextlib.contextmanager
def _aside(path: Path, place: Path) -> Iterator[None]:
    path.rename(place)
    yield
    place.rename(path)


if __name__ == "__main__":
    main()
