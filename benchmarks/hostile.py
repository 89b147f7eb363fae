"""Throw 10,000 hostile inputs at every reader of outside bytes, and write what came of it as a table.

Each reader gets its inputs in a process of its own, whose peak memory counts.

    python -m benchmarks.hostile [--inputs 10000] [--seconds 600] [--only READER …] [--seed 0]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from benchmarks.hostility.guard import Tally, feed
from benchmarks.hostility.readers import Reader, at_home, build_project, list_readers
from benchmarks.machine import describe_machine

READERS = (
    *("deliveries", "market TOML", "luigi.cfg", "manifests", "records", "result documents"),
    *("model files", "uploaded tables", "price form", "command lines"),
)
_UNIT = 1 if sys.platform == "darwin" else 1024
_BATCH = 250  # inputs of one seed: Hypothesis keeps what it drew, half a megabyte of each model file


class _TimeIsUp(BaseException):
    """No more inputs: no Exception, so that Hypothesis does not look for a smaller one."""


def main() -> int:
    """Print a row per reader; the exit code says whether anything was found."""
    options = _read_options()
    if options.child:
        print(json.dumps(_measure(options.child, options.project, options)))
        return 0
    print(
        "| reader | inputs | tracebacks | hangs | escapes | lost rows | slowest, CPU s | peak memory, MB |\n|---|---|---|---|---|---|---|---|"
    )
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        project = options.project or Path(folder) / "project"
        if not project.exists():
            build_project(project)
        for name in options.only or READERS:
            worst = max(worst, _run_child(name, project, options))
    print(f"\n{describe_machine()}.")
    return worst


def throw(reader: Reader, root: Path, tally: Tally, *, inputs: int, seconds: float, number: int) -> None:
    """Give a reader so many inputs, or as many as the time allows."""
    ends = time.monotonic() + seconds
    with contextlib.suppress(_TimeIsUp):
        while tally.inputs < inputs:
            before = tally.inputs
            most = min(_BATCH, inputs - before)
            _throw_some(reader, root, tally, inputs=most, ends=ends, number=number * 10**6 + before)
            if tally.inputs == before:  # nothing more can be drawn
                return


def _throw_some(reader: Reader, root: Path, tally: Tally, *, inputs: int, ends: float, number: int) -> None:
    @seed(number)
    @settings(max_examples=inputs, phases=[Phase.generate], database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(reader.values)
    def give(value: object) -> None:
        if time.monotonic() > ends:
            raise _TimeIsUp
        feed(reader.read, value, root if reader.is_bound else Path("/"), tally)

    give()


def _measure(name: str, project: Path, options: argparse.Namespace) -> dict[str, object]:
    tally = Tally()
    with contextlib.redirect_stdout(sys.stderr), at_home(project):
        reader = next(reader for reader in list_readers(project) if reader.name == name)
        throw(reader, project, tally, inputs=options.inputs, seconds=options.seconds, number=options.seed)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT / 1e6
    return {**vars(tally), "findings": dict(tally.findings), "peak_mb": peak_mb}


def _run_child(name: str, project: Path, options: argparse.Namespace) -> int:
    command = [sys.executable, "-m", "benchmarks.hostile", "--child", name, "--project", str(project)]
    command += ["--inputs", str(options.inputs), "--seconds", str(options.seconds), "--seed", str(options.seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=options.seconds + 600)
    if done.returncode:
        print(f"{name}: ended with {done.returncode}\n{done.stderr[-2000:]}", file=sys.stderr)
        return 1
    found = json.loads(done.stdout.splitlines()[-1])
    tally = Tally(findings=found["findings"])
    kinds = [tally.count(kind) for kind in ("traceback", "hang", "escape", "lost")]
    cells = [name, f"{found['inputs']:,}", *map(str, kinds), f"{found['slowest_s']:.1f}", f"{found['peak_mb']:,.0f}"]
    print(f"| {' | '.join(cells)} |", flush=True)
    for kind, number in found["findings"].items():
        print(f"{name}: {number} × {kind}\n    {found['examples'][kind][:400]}", file=sys.stderr, flush=True)
    return int(any(kinds) or found["peak_mb"] > 1000)


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000, help="for each reader")
    parser.add_argument("--seconds", type=float, default=3600, help="for each reader, at most")
    parser.add_argument("--only", nargs="+", choices=READERS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--project", type=Path, help="a project to use, made where it is not there")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
