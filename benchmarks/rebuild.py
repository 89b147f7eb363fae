"""What a run costs when nothing, everything or one night is new: `[CARPRICE_DATA=FOLDER] python -m benchmarks.rebuild [--peers]`.

Prints Markdown. `noop`: beside bare Luigi checking as many complete tasks. `cold`: beside a plain script that does the same
work. `night`: one more night on few and on many. `--peers`: the same job under other tools, and what each rebuilds when something changes;
they are installed into a folder of temporary files, which needs a package index once. With CARPRICE_DATA the markets are real ones
(kijiji_ca, uk), without it synthetic.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import shutil
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.machine import describe_machine
from benchmarks.peers import compare
from benchmarks.projects import (
    Cost,
    compile_code,
    luigi_command,
    run_command,
    run_luigi,
    temporary_project,
    watch_memory,
    write_plain_job,
)
from pipeline.sample import SamplePlan, write_deliveries

STAGES = ("Ingest", "Check", "Clean", "Split", "Train", "Evaluate")
SECTIONS = ("noop", "cold", "night")
NIGHTS = (20, 40, 84)
SHORT_HISTORY = 21  # days: as many files of kijiji_ca lie in them after 20 nights as after 84
SYNTHETIC = SamplePlan(rows=1000, nights=max(NIGHTS))
SYNTHETIC_LARGE = SamplePlan(rows=20_000, nights=5)
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
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", help=f"of {', '.join(SECTIONS)}, peers (default: all but peers)")
    parser.add_argument("--peers", action="store_true", help="peers too")
    parser.add_argument("--tasks", type=int, default=100, help="tasks of the synthetic market with nothing to do (default: 100)")
    parser.add_argument("--repeats", type=int, default=15, help="runs with nothing to do, by turns (default: 15)")
    parser.add_argument("--cold-repeats", type=int, default=5, help="runs from nothing, by turns (default: 5)")
    parser.add_argument("--peer-repeats", type=int, default=3, help="runs from nothing of each tool, by turns (default: 3)")
    options = parser.parse_args()
    sections = {*(options.sections or SECTIONS), *(["peers"] if options.peers else [])}
    if unknown := sections - {*SECTIONS, "peers"}:
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    print(f"{describe_machine()}. Medians of runs by turns.\n", flush=True)
    if "noop" in sections:
        print(report_noop(options.tasks, options.repeats), flush=True)
    if "cold" in sections:
        print(report_cold(options.cold_repeats), flush=True)
    if "night" in sections:
        for history_days, same_cars in ((0, False), (0, True), (SHORT_HISTORY, False)):
            print(report_nights(history_days, same_cars=same_cars), flush=True)
    if "peers" in sections:
        with deliveries("uk", SYNTHETIC_LARGE) as (market, folder):
            print(compare.report_peers(market, folder, options.peer_repeats), flush=True)


@contextlib.contextmanager
def deliveries(market: str, plan: SamplePlan) -> Iterator[tuple[str, Path]]:
    """Yield the name of a market and the folder of its deliveries: real ones where they are at hand, else synthetic ones."""
    folder = Path(os.environ.get("CARPRICE_DATA", "")).absolute() / market
    if "CARPRICE_DATA" in os.environ and folder.is_dir():
        yield market, folder
        return
    with temporary_project() as root:
        write_deliveries(root / "data/raw/sample", plan)
        yield "sample", root / "data/raw/sample"


def report_noop(tasks: int, repeats: int) -> str:
    """Measure runs with nothing to do, on the synthetic market and on nightly deliveries."""
    sections = []
    with temporary_project() as root:
        write_deliveries(root / "data/raw/sample", SamplePlan(rows=1000, nights=tasks - len(STAGES) + 1))
        sections.append(_measure_noop(root, "sample", repeats))
    with deliveries("kijiji_ca", SYNTHETIC) as (market, folder), temporary_project() as root:
        if market != "sample":
            (root / "data/raw").mkdir(parents=True)
            (root / "data/raw" / market).symlink_to(folder)
            sections.append(_measure_noop(root, market, repeats))
    return "\n".join(sections)


def _measure_noop(root: Path, market: str, repeats: int) -> str:
    ours = ("pipeline", "Evaluate", "--market", market, "--Train-profile", "quick")
    run_luigi(root, *ours)
    tasks = _count_deliveries(root, market) + len(STAGES) - 1
    write_bare(root, tasks)
    # By turns, so that what else the machine does falls on both.
    pairs = [(run_luigi(root, "bare", "All"), run_luigi(root, *ours)) for _ in range(repeats)]
    names = (f"bare Luigi, existence of {tasks} files", f"this pipeline, content of {tasks} results")
    return _compare(f"Nothing to do, {market}, {tasks} complete tasks, {repeats} runs of each", names, pairs)


def write_bare(root: Path, tasks: int) -> None:
    """Write a module of as many bare tasks, all complete."""
    (root / "bare.py").write_text(BARE.replace("__TASKS__", str(tasks - 1)))
    (root / "bare").mkdir()
    for number in range(tasks - 1):
        (root / f"bare/{number}.txt").touch()


def _count_deliveries(root: Path, market: str) -> int:
    """Count the deliveries that are tasks: equal files are one."""
    stages = json.loads((root / f"data/current/{market}.json").read_bytes())["stages"]
    return len(json.loads((root / stages["check"] / "account.json").read_bytes())["deliveries"])


def report_cold(repeats: int) -> str:
    """Measure runs from nothing beside the plain script's: seconds and memory."""
    script = [sys.executable, "script.py"]
    with deliveries("uk", SYNTHETIC_LARGE) as (market, folder):
        ours = luigi_command("pipeline", "Evaluate", "--market", market, "--Train-profile", "quick")
        pairs = []
        for _ in range(repeats):
            with _plain(market, folder) as plain, _fresh(market, folder) as root:
                pairs.append((run_command(plain, script), run_command(root, ours)))
                _refuse_difference(plain / "out/evaluate/metrics.json", compare.ours_metrics(root, market))
        with _plain(market, folder) as plain, _fresh(market, folder) as root:
            together = watch_memory(plain, script), watch_memory(root, ours)
            spent = _seconds_by_stage(root, {})
    names = ("plain script, tracking included", "this pipeline")
    table = _compare(f"From nothing, {market}, {repeats} runs of each", names, pairs, together)
    return table + f"\nOf ours, seconds in stages: {_list_seconds(spent)}.\n"


@contextlib.contextmanager
def _fresh(market: str, folder: Path) -> Iterator[Path]:
    with temporary_project() as root:
        (root / "data/raw").mkdir(parents=True)
        (root / "data/raw" / market).symlink_to(folder)
        compile_code(root / "pipeline")
        yield root


@contextlib.contextmanager
def _plain(market: str, folder: Path) -> Iterator[Path]:
    with temporary_project() as root:
        write_plain_job(root, market)
        (root / "raw").symlink_to(folder)
        compile_code(root / "pipeline")
        yield root


def _refuse_difference(path: Path, other: Path) -> None:
    if path.read_bytes() != other.read_bytes():
        raise RuntimeError("the script's metrics are not ours: they do not do the same work")


def report_nights(history_days: int, *, same_cars: bool, repeats: int = 3) -> str:
    """Measure one more night, on few nights and on many, with a history of so many days (0: all).

    With `same_cars` each night holds the newest night's cars, which tells what nights cost from what more cars do.
    """
    lines = []
    with deliveries("kijiji_ca", SYNTHETIC) as (market, folder), temporary_project() as root:
        files = sorted(folder.glob("*.csv"))
        if same_cars:
            files = list(_repeat_cars(files, root / "repeated"))
        ours = (
            "pipeline",
            "Evaluate",
            "--market",
            market,
            "--Train-profile",
            "quick",
            "--Check-history-days",
            str(history_days),
        )
        for nights in NIGHTS:
            _deliver(files[: nights - repeats], root / "data/raw" / market)
            run_luigi(root, *ours)
            measured = []
            for number in range(nights - repeats, nights):
                before = compare.results(root)
                _deliver(files[: number + 1], root / "data/raw" / market)
                measured.append((run_luigi(root, *ours), _seconds_by_stage(root, before)))
            lines.append(_show_night(nights, measured))
    return "\n".join(
        [
            f"One more night, {market}{', the same cars every night' if same_cars else ''}, "
            f"{f'a history of {history_days} days' if history_days else 'all nights its history'}, the median of "
            f"{repeats} nights one after another: seconds, and how many tasks of each stage ran.",
            "",
            f"| on | wall s | CPU s | {' | '.join(STAGES)} | all else | tasks run |",
            "|---" * (len(STAGES) + 5) + "|",
            *lines,
            "",
        ]
    )


def _repeat_cars(files: Sequence[Path], folder: Path) -> Iterator[Path]:
    """Write the newest delivery's rows under the name of each, one row left out, another each night: equal files would be one delivery."""
    folder.mkdir()
    with files[-1].open(encoding="utf-8-sig", newline="") as stream:
        header, *rows = csv.reader(stream)
    for number, file in enumerate(files):
        with (folder / file.name).open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([header, *rows[:number], *rows[number + 1 :]])
        yield folder / file.name


def _deliver(files: Sequence[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        if not (folder / path.name).exists():
            shutil.copy(path, folder)


def _show_night(nights: int, measured: list[tuple[Cost, dict[str, list[float]]]]) -> str:
    costs = [cost for cost, _ in measured]
    stages = [statistics.median(sum(spent.get(stage, ())) for _, spent in measured) for stage in STAGES]
    rest = statistics.median(cost.wall_s - sum(map(sum, spent.values())) for cost, spent in measured)
    ran = sorted({", ".join(f"{stage} {len(spent[stage])}" for stage in STAGES if stage in spent) for _, spent in measured})
    cells = [f"{_median(costs, 'wall_s'):.2f}", f"{_median(costs, 'cpu_s'):.2f}", *(f"{seconds:.2f}" for seconds in stages)]
    return f"| {nights - 1} nights | {' | '.join(cells)} | {rest:.2f} | {' or '.join(ran)} |"


def _seconds_by_stage(root: Path, before: dict[Path, int]) -> dict[str, list[float]]:
    """Return the seconds of each task that committed a result, by stage."""
    spent: dict[str, list[float]] = {}
    manifests = [json.loads(path.read_bytes()) for path in compare.new_results(root, before) if path.name == "manifest.json"]
    for manifest in manifests:
        spent.setdefault(manifest["task"], []).append(manifest["duration_s"])
    return spent


def _list_seconds(spent: dict[str, list[float]]) -> str:
    return ", ".join(f"{stage} {sum(spent[stage]):.2f}" for stage in STAGES if stage in spent)


def _compare(
    title: str, names: tuple[str, str], pairs: list[tuple[Cost, Cost]], together: tuple[float, float] | None = None
) -> str:
    """Return a table as Markdown: medians, and the median of the ratios of neighbouring runs."""
    fields = {"wall_s": "wall s", "cpu_s": "CPU s", **({"peak_mb": "largest process, MB"} if together else {})}
    rows = [
        [name, *(f"{_median(costs, field):.{0 if field == 'peak_mb' else 3}f}" for field in fields)]
        for name, costs in zip(names, zip(*pairs, strict=True), strict=True)
    ]
    rows.append(["ratio", *(f"{_ratio(pairs, field):.2f}" for field in fields)])
    if together:
        for row, value in zip(
            rows, (f"{together[0]:.0f}", f"{together[1]:.0f}", f"{together[1] / together[0]:.2f}"), strict=True
        ):
            row.append(value)
    titles = ["", *fields.values(), *(["all processes, MB"] if together else [])]
    lines = [f"| {' | '.join(row)} |" for row in (titles, ["---"] * len(titles), *rows)]
    return "\n".join([f"{title}.", "", *lines, ""])


def _median(costs: Sequence[Cost], field: str) -> float:
    return float(statistics.median(getattr(cost, field) for cost in costs))


def _ratio(pairs: list[tuple[Cost, Cost]], field: str) -> float:
    return float(statistics.median(getattr(ours, field) / getattr(other, field) for other, ours in pairs))


if __name__ == "__main__":
    main()
