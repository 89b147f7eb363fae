"""What a Dask cluster on this machine does to a fit: `CARPRICE_DATA=… python -m benchmarks.cluster [--market uk] [--runs 3]`.

The same training, by turns: one fold at a time, two in processes, and two by Dask's workers. It pays with other machines' cores; here it costs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.machine import describe_machine
from benchmarks.projects import compile_code, run_luigi, temporary_project
from tests.servers import free_port

WORKERS = 2


def main() -> int:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--market", default="uk")
    parser.add_argument("--profile", default="full", choices=("quick", "full"))
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    raw = os.environ.get("CARPRICE_DATA")
    if not raw:
        sys.stderr.write("Set CARPRICE_DATA to the folder of real deliveries.\n")
        return 2
    print(f"{describe_machine()}; {options.market}, {options.profile}, medians of {options.runs}.\n", flush=True)
    with temporary_project() as root, cluster(root) as address:
        compile_code(root)
        common = ("--market", options.market, "--pipeline-raw", str(Path(raw).resolve()))
        run_luigi(root, "pipeline", "Split", *common)
        ways = {
            "jobs = 1": ("--jobs", "1"),
            "jobs = 2": ("--jobs", "2"),
            f"Dask, {WORKERS} workers": ("--dask-scheduler", address),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(options.runs):
            for name, how in ways.items():
                run_luigi(root, "pipeline", "Train", *common, "--profile", options.profile, *how, "--incremental-force", "Train")
                seconds[name].append(train_seconds(root))
    print("| | seconds of Train | beside jobs = 1 |\n|---|---|---|")
    for name, taken in seconds.items():
        ratio = statistics.median(one / base for one, base in zip(taken, seconds["jobs = 1"], strict=True))
        print(f"| {name} | {statistics.median(taken):.1f} | {ratio:.2f} |")
    return 0


def train_seconds(root: Path) -> float:
    """Return what the newest training took, by its manifest."""
    newest = max(root.glob("models/*/manifest.json"), key=lambda path: path.stat().st_mtime)
    return float(json.loads(newest.read_text(encoding="utf-8"))["duration_s"])


@contextlib.contextmanager
def cluster(root: Path) -> Iterator[str]:
    """Run a scheduler and its workers on loopback, with the project's own code, and return the address."""
    port, environment = free_port(), {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    address = f"tcp://127.0.0.1:{port}"
    worker = ("worker", address, "--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard", "--local-directory")
    commands = [
        ("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"),
        *((*worker, str(root / f"worker-{number}")) for number in range(WORKERS)),
    ]
    dask = str(Path(sys.executable).with_name("dask"))
    with contextlib.ExitStack() as started:
        for command in commands:
            process = subprocess.Popen([dask, *command], env=environment, stderr=subprocess.DEVNULL)
            started.callback(process.wait)
            started.callback(process.terminate)
        yield address


if __name__ == "__main__":
    sys.exit(main())
