"""Every night as cron would have run it: `CARPRICE_DATA=FOLDER python -m benchmarks.nightly [--faults | --resume]` on kijiji_ca.

Prints the tables of docs/nightly.md. Without an option all nights from the first file to the last, each with the real command, its file put
there the evening before: what came in, what was run and reused, seconds, the verdict, alerts. `--faults`: the same source
misbehaving, on `--nights` before them. `--resume`: a backfill that is killed and goes on, against one that was left alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.machine import describe_machine
from benchmarks.projects import compile_code, run_command, temporary_project

MARKET = "kijiji_ca"
DAY = timedelta(days=1)
QUICK = ("--Train-profile", "quick")
HEADINGS = ("night", "rows in", "rejected", "new", "live", "run / reused", "s", "verdict", "champion", "stale", "alerts")
FIRST_FAULT = date(2024, 1, 15)
MONTH = 30
KINDS = {"opened": "+", "reminded": "again", "closed": "over"}


@dataclass(frozen=True)
class Told:
    """What a night came to."""

    night: date
    code: int
    seconds: float
    rows: dict[str, Any]
    alerts: tuple[str, ...]

    def line(self) -> str:
        """Return a row of the table."""
        return f"| {' | '.join(str(self.rows.get(name, '')) for name in HEADINGS)} |"


class Source:
    """The real files, and a project folder that they are delivered to."""

    def __init__(self, root: Path, files: Path) -> None:
        """Deliver from `files` to the project in `root`."""
        self.root = root
        self.raw = root / "data/raw" / MARKET
        self.raw.mkdir(parents=True, exist_ok=True)
        self.files = {date.fromisoformat(path.stem): path for path in sorted(files.glob("*.csv"))}

    def deliver(self, night: date, name: str = "", content: bytes | None = None) -> None:
        """Put a night's file where deliveries are put, or other bytes under its name, written hours ago."""
        path = self.raw / (name or f"{night}.csv")
        path.write_bytes(self.files[night].read_bytes() if content is None else content)
        os.utime(path, (time.time() - 7200,) * 2)

    def run(self, night: date, *options: str) -> Told:
        """Run the night as cron would have."""
        before = _journal(self.root)
        began = time.perf_counter()
        command = [sys.executable, "-m", "pipeline", "nightly", "--market", MARKET, *options]
        cost = run_command(self.root, command, {"PIPELINE_TODAY": night.isoformat()}, may_fail=True)
        seconds = time.perf_counter() - began
        told = tuple(
            f"{KINDS.get(entry['what'], entry['what'])} {entry['kind']}{' ' + entry['subject'] if entry['subject'] else ''}"
            for entry in _journal(self.root)[len(before) :]
        )
        return Told(night, cost.code, seconds, self._describe(night, cost.code, seconds, told), told)

    def _describe(self, night: date, code: int, seconds: float, alerts: tuple[str, ...]) -> dict[str, Any]:
        row: dict[str, Any] = {"night": night, "s": f"{seconds:.1f}", "alerts": "; ".join(alerts)}
        record = json.loads(max((self.root / "data/runs").glob("*.json")).read_bytes())
        outcomes = [task["outcome"] for task in record["tasks"]]
        row["run / reused"] = f"{outcomes.count('built')} / {outcomes.count('reused')}"
        if code:
            return {**row, "verdict": f"exit {code}"}
        account, scores, told = (
            self._read(record, family, name)
            for family, name in (("Check", "account.json"), ("Score", "account.json"), ("Nightly", "night.json"))
        )
        came = {name: given for name, given in account["deliveries"].items() if name.startswith(night.isoformat())}
        place = next(task["place"] for task in record["tasks"] if task["family"] == "Clean")
        listings = pd.read_parquet(self.root / place / "listings.parquet", columns=["first_seen_on"])
        return {
            **row,
            "rows in": f"{sum(one['rows'] for one in came.values()):,}" if came else self._tell_absent(night),
            "rejected": f"{sum(one['rejected'] + one['unreadable'] for one in came.values()):,}" if came else "",
            "new": f"{int((listings['first_seen_on'] == night.isoformat()).sum()):,}",
            "live": f"{scores['live']:,}",
            "verdict": told["verdict"],
            "champion": told["champion"] or "none",
            "stale": "stale" if told["stale"] else "",
        }

    def _tell_absent(self, night: date) -> str:
        return "the bytes of an earlier file" if list(self.raw.glob(f"{night}*")) else "no file"

    def _read(self, record: dict[str, Any], family: str, name: str) -> dict[str, Any]:
        place = next(task["place"] for task in record["tasks"] if task["family"] == family)
        return dict(json.loads((self.root / place / name).read_bytes()))


def main() -> int:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", action="store_true", help="let the source misbehave")
    parser.add_argument("--resume", action="store_true", help="kill a backfill and let it go on")
    parser.add_argument(
        "--profile", default="quick", help="of all but the faults and the backfill, which are quick (default: quick)"
    )
    parser.add_argument("--nights", type=int, default=12, help="files before the faults, or nights of the backfill (default: 12)")
    options = parser.parse_args()
    raw = os.environ.get("CARPRICE_DATA")
    if not raw or not Path(raw, MARKET).is_dir():
        sys.stderr.write(f"Set CARPRICE_DATA to a folder that holds {MARKET}.\n")
        return 2
    print(f"{describe_machine()}.\n", flush=True)
    files = Path(raw, MARKET).resolve()
    if options.faults:
        show_faults(files, options.nights)
    elif options.resume:
        show_resume(files, options.nights)
    else:
        show_nights(files, options.profile)
    return 0


def show_nights(files: Path, profile: str) -> None:
    """Print a row for every night from the first file to the last, and how the cost grew."""
    print(f"Profile {profile}.\n")
    _print_head()
    with temporary_project() as root:
        compile_code(root)
        source, told = Source(root, files), []
        for night in _span(min(source.files), max(source.files)):
            if night in source.files:
                source.deliver(night)
            told.append(source.run(night, "--Train-profile", profile))
            print(told[-1].line(), flush=True)
    done = [night for night in told if not night.code and night.night in source.files]
    third = len(done) // 3
    print("\n| nights with a file that ended well | median s |\n|---|---|")
    for name, part in (("the first third", done[:third]), ("the second", done[third:-third]), ("the last", done[-third:])):
        print(f"| {name}, {part[0].night} to {part[-1].night} | {statistics.median(night.seconds for night in part):.1f} |")
    quiet = [night.seconds for night in told if not night.code and night.night not in source.files]
    print(f"| nights without a file ({len(quiet)}) | {statistics.median(quiet):.1f} |")
    messages = sum(1 for night in told if night.alerts)
    print(
        f"\n{len(told)} nights, {sum(night.code != 0 for night in told)} of them failed; {messages} nights told a person something."
    )


def show_faults(files: Path, nights: int) -> None:
    """Print what comes of each way in which the source may misbehave, from the same nights before."""
    with temporary_project() as root, tempfile.TemporaryDirectory() as folder:
        compile_code(root)
        before = Source(root, files)
        known = [night for night in before.files if night < FIRST_FAULT][-nights:]
        for night in known:
            before.deliver(night)
        first = before.run(known[-1], *QUICK)
        print(f"Before each: {len(known)} files up to {known[-1]}, done with exit code {first.code}.")
        for number, (name, play) in enumerate(FAULTS.items()):
            copy = Path(folder) / str(number)
            shutil.copytree(root, copy)
            print(f"\n### {name}\n")
            _print_head()
            for told in play(Source(copy, files)):
                print(told.line(), flush=True)
            _remove(copy)


def _nights_from(source: Source, first: date, count: int) -> list[date]:
    return [night for night in source.files if night >= first][:count]


def twice(source: Source) -> Iterator[Told]:
    """The same bytes come under two names of one night, and a night later as another night's file."""
    one, two = _nights_from(source, FIRST_FAULT, 2)
    source.deliver(one)
    source.deliver(one, f"{one} (1).csv")
    yield source.run(one, *QUICK)
    source.deliver(two, content=source.files[one].read_bytes())
    yield source.run(two, *QUICK)


def late(source: Source) -> Iterator[Told]:
    """A night's file comes a day late, with the next one."""
    one, two = _nights_from(source, FIRST_FAULT, 2)
    yield source.run(one, *QUICK)
    source.deliver(one)
    source.deliver(two)
    yield source.run(two, *QUICK)


def half_written(source: Source) -> Iterator[Told]:
    """A night's file is half there, and whole when the night is run again."""
    one = _nights_from(source, FIRST_FAULT, 1)[0]
    content = source.files[one].read_bytes()
    source.deliver(one, content=content[: len(content) // 2])
    yield source.run(one, *QUICK)
    source.deliver(one)
    yield source.run(one, *QUICK)


def corrupted(source: Source) -> Iterator[Told]:
    """A night's file holds no text; the next night's is sound."""
    one, two = _nights_from(source, FIRST_FAULT, 2)
    source.deliver(one, content=bytes(range(256)) * 400)
    yield source.run(one, *QUICK)
    source.deliver(two)
    yield source.run(two, *QUICK)


def from_the_future(source: Source) -> Iterator[Told]:
    """A night's file is dated a year ahead; the next two nights are sound."""
    one, two, three = _nights_from(source, FIRST_FAULT, 3)
    source.deliver(one, f"{one.replace(year=one.year + 1)}.csv")
    yield source.run(one, *QUICK)
    for night in (two, three):
        source.deliver(night)
        yield source.run(night, *QUICK)


def a_week_at_once(source: Source) -> Iterator[Told]:
    """The machine was off for a week: its files are there when the next night runs, which makes up for them."""
    nights = _nights_from(source, FIRST_FAULT, 7)
    for night in nights:
        source.deliver(night)
    yield source.run(nights[-1], *QUICK)


def no_file(source: Source) -> Iterator[Told]:
    """No file comes for a month, then one does."""
    for night in _span(FIRST_FAULT, FIRST_FAULT + DAY * (MONTH - 1)):
        yield source.run(night, *QUICK)
    back = _nights_from(source, FIRST_FAULT + DAY * MONTH, 3)
    for night in back:
        source.deliver(night)
        yield source.run(night, *QUICK)


def header_only(source: Source) -> Iterator[Told]:
    """Files of a header and no rows come for a month, then whole ones do."""
    header = next(iter(source.files.values())).read_bytes().partition(b"\n")[0] + b"\n"
    for night in _span(FIRST_FAULT, FIRST_FAULT + DAY * (MONTH - 1)):
        source.deliver(night, content=header)
        yield source.run(night, *QUICK)
    for night in _nights_from(source, FIRST_FAULT + DAY * MONTH, 3):
        source.deliver(night)
        yield source.run(night, *QUICK)


FAULTS: dict[str, Callable[[Source], Iterator[Told]]] = {
    "The night's file twice": twice,
    "Late": late,
    "Half-written, then whole": half_written,
    "Corrupted": corrupted,
    "From the future": from_the_future,
    "A week at once": a_week_at_once,
    "No file for a month": no_file,
    "Header-only files for a month": header_only,
}


def show_resume(files: Path, nights: int) -> None:
    """Print whether a backfill that is killed again and again ends with the bytes of one that was left alone."""
    with temporary_project() as alone, temporary_project() as killed:
        for root in (alone, killed):
            source = Source(root, files)
            known = [night for night in source.files if night < FIRST_FAULT][-nights:]
            for night in known:
                source.deliver(night)
        span = ("--from", str(known[0]), "--to", str(known[-1]))
        command = [sys.executable, "-m", "pipeline", "backfill", "--market", MARKET, *span, *QUICK]
        print(f"Backfill of {known[0]} to {known[-1]}, {len(known)} files.\n", flush=True)
        print(f"left alone: {run_command(alone, command, may_fail=True).wall_s:.0f} s")
        kills = 0
        while _kill_after(killed, command, 20 + 7 * kills):
            kills += 1
        again = run_command(killed, command, may_fail=True)
        same = _outputs(alone) == _outputs(killed)
        print(
            f"killed {kills} times, then ended; the same bytes: {'yes' if same else 'NO'}; once more, with all there: {again.wall_s:.0f} s"
        )


def _kill_after(root: Path, command: list[str], seconds: float) -> bool:
    """Run a command and kill it with all its children; False where it ended before."""
    process = subprocess.Popen(
        command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        return False
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(3)  # its children end by themselves
    return True


def _outputs(root: Path) -> dict[str, bytes]:
    """Return the bytes of every result but its manifest; report pages tell what their own run built."""
    found = {}
    for manifest in [*root.glob("data/[!.]*/[!.]*/manifest.json"), *root.glob("models/[!.]*/manifest.json")]:
        if "data/report/" not in manifest.as_posix():
            names = json.loads(manifest.read_bytes())["files"]
            found |= {str((manifest.parent / name).relative_to(root)): (manifest.parent / name).read_bytes() for name in names}
    return found


def _journal(root: Path) -> list[dict[str, Any]]:
    path = root / f"data/alerts/{MARKET}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _span(first: date, last: date) -> Iterator[date]:
    return (first + DAY * days for days in range((last - first).days + 1))


def _print_head() -> None:
    print(f"| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}", flush=True)


def _remove(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
