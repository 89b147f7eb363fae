"""What rows cost: `python -m benchmarks.scale [--rows 100000 1000000 10000000] [--deliveries 2000 --each 5000] [--cars 1000000]`. Prints Markdown.

Each stage up to Evaluate by the clock, in processor seconds, and in MB that all processes hold together, beside a plain script of
pandas, DuckDB that folds the same adverts, and the floor: reading the bytes and writing as many as the pipeline writes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path

import psutil

from benchmarks.machine import describe_machine
from benchmarks.projects import compile_code, luigi_command, run_command, temporary_project

STAGES = ("Ingest", "Check", "Clean", "Split", "Train", "Evaluate")
LEARNT = 20_000
_MB = 1024 * 1024
_ADVERTS_PER_ROW = 0.6  # of the sample: a third of the adverts stand there three times
_PEERS = Path(__file__).with_name("peers") / "scale"
_WRITE_LIKE = "import sys\nleft = int(sys.argv[2])\nwith open(sys.argv[1], 'rb') as source, open('copy', 'wb') as copy:\n    while block := source.read(1 << 20):\n        left -= copy.write(block[:max(left, 0)])\n"
# Where the processor's time goes that is spent in no task: Luigi's, and that of asking what is complete.
_SCHEDULING = """
import atexit, sys, time
import luigi.worker
from luigi.cmdline import luigi_run
spent, run = 0.0, luigi.worker.TaskProcess.run
def timed(task):
    global spent
    clock = time.process_time()
    try:
        run(task)
    finally:
        spent += time.process_time() - clock
luigi.worker.TaskProcess.run = timed
atexit.register(lambda: open('spent', 'w').write(f'{time.process_time() - spent} {time.process_time()}'))
sys.argv[0] = 'luigi'
luigi_run()
"""


@dataclass(frozen=True)
class Sample:
    """A look at all processes of a run: when, the processor seconds used so far, and the MB held."""

    at: float
    cpu_s: float
    held_mb: float


@dataclass(frozen=True)
class Cost:
    """What a stage or a program took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def main() -> int:
    """Measure every size that is asked for and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--deliveries", type=int, default=0, help="as many deliveries of --each rows, besides")
    parser.add_argument("--each", type=int, default=5_000)
    parser.add_argument("--cars", type=int, default=0, help="price a file of so many cars, besides")
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--made", type=Path, help="a folder where deliveries that were made are kept, and found again")
    parser.add_argument("--learnt", type=int, default=LEARNT, help="[Train] max_listings")
    arguments = parser.parse_args()
    print(f"{describe_machine()}, by `python -m benchmarks.scale {' '.join(sys.argv[1:])}`\n", flush=True)
    for rows in arguments.rows:
        with _project(rows, 1, arguments.made) as root:
            _show_rows(root, rows, arguments)
    if arguments.deliveries:
        with _project(arguments.deliveries * arguments.each, arguments.deliveries, arguments.made) as root:
            _show_deliveries(root, arguments)
    return 0


def _show_rows(root: Path, rows: int, arguments: argparse.Namespace) -> None:
    (path,) = (root / "data/raw/sample").glob("*.csv")
    size_mb = path.stat().st_size / _MB
    print(f"### {rows:,} rows in one delivery ({size_mb:,.0f} MB)\n")
    print("| | seconds | processor s | µs a row | peak MB |\n|---|---|---|---|---|", flush=True)
    command = luigi_command("pipeline", "Evaluate", "--Train-profile", "quick", "--Train-max-listings", str(arguments.learnt))
    samples = _watch(root, command)
    for name, cost in _stages(root, samples).items():
        _show(name, cost, rows)
    _show("**up to Clean**", _sum(list(_stages(root, samples).values())[:3]), rows)
    _show("**whole run**", _between(samples, samples[0].at, samples[-1].at), rows)
    if arguments.peers:
        written = sum(file.stat().st_size for file in root.glob("data/*/*/*.parquet"))
        for name, program in (
            ("plain script: read, clean, fold, split, write", [sys.executable, str(_PEERS / "script.py"), str(path)]),
            ("DuckDB: the same", [sys.executable, str(_PEERS / "duck.py"), str(path)]),
            ("floor: read, and write as many bytes", [sys.executable, "-c", _WRITE_LIKE, str(path), str(written)]),
        ):
            try:
                seen = _watch(root, program)
            except subprocess.CalledProcessError as error:
                print(f"| {name} | ended by {-error.returncode or 'an error'} | | | |", flush=True)
            else:
                _show(name, _between(seen, seen[0].at, seen[-1].at), rows)
    if arguments.cars:
        _show_pricing(root, path, arguments.cars)
    print(flush=True)


def _show_pricing(root: Path, path: Path, cars: int) -> None:
    """Make the model champion by rules that every model passes, and price the delivery's cars with it, over again where more are asked for."""
    lenient = ("--Promote-max-baseline-share", "100", "--Promote-coverage-margin-share", "0.9")
    quick = ("--Train-profile", "quick", "--Train-max-listings", str(LEARNT))
    run_command(root, luigi_command("pipeline", "Promote", *quick, *lenient))
    with (root / "cars.csv").open("wb") as target:
        with path.open("rb") as source:
            target.write(source.readline())
        target.writelines(islice(_repeat_rows(path), cars))
    program = [sys.executable, "-m", "pipeline", "price", "--input", "cars.csv", "--output", "priced.csv"]
    seen = _watch(root, program)
    _show(f"price {cars:,} cars", _between(seen, seen[0].at, seen[-1].at), cars)


def _repeat_rows(path: Path) -> Iterator[bytes]:
    while True:
        with path.open("rb") as source:
            source.readline()
            yield from source


def _show_deliveries(root: Path, arguments: argparse.Namespace) -> None:
    rows = arguments.deliveries * arguments.each
    print(f"### {arguments.deliveries:,} deliveries of {arguments.each:,} rows\n")
    print("| | seconds | processor s | µs a row | peak MB |\n|---|---|---|---|---|", flush=True)
    command = [sys.executable, "-c", _SCHEDULING, *luigi_command("pipeline", "Clean", "--Check-history-days", "0")[1:]]
    for name in ("first run, up to Clean", "again, with nothing to do"):
        samples = _watch(root, command)
        _show(name, _between(samples, samples[0].at, samples[-1].at), rows)
        scheduling, whole = map(float, (root / "spent").read_text().split())
        print(f"| of it outside of tasks: {scheduling / whole:.1%} | | {scheduling:,.1f} | | |", flush=True)
        if name.startswith("first"):
            costs = _durations(root)
            for stage in STAGES[:3]:
                print(f"| {stage} | {sum(costs[stage]):,.1f} | | | |", flush=True)
    print(flush=True)


def _show(name: str, cost: Cost, rows: int) -> None:
    print(
        f"| {name} | {cost.wall_s:,.1f} | {cost.cpu_s:,.1f} | {1e6 * cost.cpu_s / rows:,.1f} | {cost.peak_mb:,.0f} |", flush=True
    )


def _sum(costs: Sequence[Cost]) -> Cost:
    return Cost(sum(cost.wall_s for cost in costs), sum(cost.cpu_s for cost in costs), max(cost.peak_mb for cost in costs))


@contextlib.contextmanager
def _project(rows: int, deliveries: int, made: Path | None) -> Iterator[Path]:
    with temporary_project() as root:
        compile_code(root)
        folder, kept = root / "data/raw/sample", (made or root / "made").absolute() / str(rows)
        folder.mkdir(parents=True)
        if not kept.exists():
            run_command(root, [sys.executable, "-c", _MAKE, str(kept), str(round(rows * _ADVERTS_PER_ROW))])
        (path,) = kept.glob("*.csv")
        if deliveries == 1:
            (folder / path.name).symlink_to(path)
        else:
            _deal(path, folder, deliveries, rows // deliveries)
        yield root


_MAKE = "import sys; from pathlib import Path; from pipeline.sample import SamplePlan, write_deliveries; write_deliveries(Path(sys.argv[1]), SamplePlan(rows=int(sys.argv[2]), nights=1))"


def _deal(path: Path, folder: Path, deliveries: int, each: int) -> None:
    """Cut a delivery into one of so many rows a night."""
    with path.open("rb") as source:
        header = next(source)
        for number in range(deliveries):
            with (folder / f"{date(2019, 1, 1) + timedelta(days=number)}.csv").open("wb") as target:
                target.write(header)
                target.writelines(islice(source, each))


def _watch(root: Path, command: list[str]) -> list[Sample]:
    """Run a command and look at all its processes ten times a second; what they share counts once."""
    samples: list[Sample] = []
    with (root / "printed").open("w") as printed:
        process = subprocess.Popen(command, cwd=root, env=_surroundings(root), stdout=printed, stderr=subprocess.STDOUT)
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(0.1):
                samples.append(_look(process.pid))

        watcher = threading.Thread(target=look)
        samples.append(_look(process.pid))
        watcher.start()
        code = _wait(process, samples)
        ended.set()
        watcher.join()
    if code:
        error = subprocess.CalledProcessError(code, command)
        error.add_note((root / "printed").read_text()[-3000:])
        raise error
    last = samples.pop()
    samples.sort(key=lambda sample: sample.at)
    return [*[sample for sample in samples if sample.cpu_s <= last.cpu_s], last]


def _wait(process: subprocess.Popen[bytes], samples: list[Sample]) -> int:
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    time.sleep(0.2)
    samples.append(Sample(time.time(), used.ru_utime + used.ru_stime, 0.0))
    return process.returncode


def _surroundings(root: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(root)}


def _look(pid: int) -> Sample:
    held, cpu_s = 0, 0.0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                used, times = one.memory_full_info(), one.cpu_times()
                held += getattr(used, "pss", used.uss)
                cpu_s += times.user + times.system + times.children_user + times.children_system
    return Sample(time.time(), cpu_s, held / _MB)


def _stages(root: Path, samples: Sequence[Sample]) -> dict[str, Cost]:
    """Return what each stage took; the manifests say when it began, and the clock of the next one when it ended."""
    began: dict[str, float] = {}
    for path in [*root.glob("data/*/*/manifest.json"), *root.glob("models/*/manifest.json")]:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["task"] in STAGES:
            began[manifest["task"]] = path.stat().st_mtime - manifest["duration_s"]
    ends = [*[began[stage] for stage in STAGES[1:]], samples[-1].at]
    return {stage: _between(samples, began[stage], end) for stage, end in zip(STAGES, ends, strict=True)}


def _durations(root: Path) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for path in root.glob("data/*/*/manifest.json"):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault(manifest["task"], []).append(manifest["duration_s"])
    return found


def _between(samples: Sequence[Sample], start: float, end: float) -> Cost:
    """Return what was used from one time to another, by the last look at each."""
    seen = [sample for sample in samples if sample.at <= end] or [samples[0]]
    before = max((sample.cpu_s for sample in samples if sample.at <= start), default=0.0)
    held = [sample.held_mb for sample in seen if sample.at >= start] or [seen[-1].held_mb]
    return Cost(end - start, seen[-1].cpu_s - before, max(held))


if __name__ == "__main__":
    sys.exit(main())
