"""A run with nothing to do, beside bare Luigi checking as many complete tasks: `python -m benchmarks.rebuild`."""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from benchmarks.machine import describe_machine
from benchmarks.projects import Cost, run_luigi, temporary_project
from pipeline.sample import SamplePlan, write_deliveries

STAGES_AFTER_INGEST = 5
BARE = """
import luigi


class One(luigi.Task):
    number = luigi.IntParameter()

    def output(self):
        return luigi.LocalTarget(f"bare/{self.number}.txt")


class All(luigi.WrapperTask):
    def requires(self):
        return [One(number=number) for number in range(__TASKS__)]
"""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100, help="tasks in either graph (default: 100)")
    parser.add_argument("--repeats", type=int, default=15, help="runs of each, one after the other (default: 15)")
    options = parser.parse_args()
    with temporary_project() as root:
        write_bare(root, options.tasks)
        nights = options.tasks - STAGES_AFTER_INGEST
        write_deliveries(root / "data/raw/sample", SamplePlan(rows=1000, nights=nights))
        run_luigi(root, "pipeline", "Evaluate", "--Train-iterations", "20")
        # By turns, so that what else the machine does falls on both.
        pairs = [
            (run_luigi(root, "bare", "All"), run_luigi(root, "pipeline", "Evaluate", "--Train-iterations", "20"))
            for _ in range(options.repeats)
        ]
    print(report(pairs, options.tasks))


def write_bare(root: Path, tasks: int) -> None:
    """Write a module of as many bare tasks, all complete."""
    (root / "bare.py").write_text(BARE.replace("__TASKS__", str(tasks - 1)))
    (root / "bare").mkdir()
    for number in range(tasks - 1):
        (root / f"bare/{number}.txt").touch()


def report(pairs: list[tuple[Cost, Cost]], tasks: int) -> str:
    """Return the table as Markdown: medians, and the median of the ratios of neighbouring runs."""
    bare, ours = zip(*pairs, strict=True)
    lines = [
        f"Nothing to do, {tasks} complete tasks, {len(pairs)} runs of each by turns; {describe_machine()}.",
        "",
        "| | wall s | CPU s |",
        "|---|---|---|",
        f"| bare Luigi, existence of {tasks} files | {_median(bare, 'wall_s'):.3f} | {_median(bare, 'cpu_s'):.3f} |",
        f"| this pipeline, content of {tasks} results | {_median(ours, 'wall_s'):.3f} | {_median(ours, 'cpu_s'):.3f} |",
        f"| ratio | {_ratio(pairs, 'wall_s'):.2f} | {_ratio(pairs, 'cpu_s'):.2f} |",
    ]
    return "\n".join(lines)


def _median(costs: tuple[Cost, ...], field: str) -> float:
    return statistics.median(getattr(cost, field) for cost in costs)


def _ratio(pairs: list[tuple[Cost, Cost]], field: str) -> float:
    return statistics.median(getattr(ours, field) / getattr(bare, field) for bare, ours in pairs)


if __name__ == "__main__":
    main()
