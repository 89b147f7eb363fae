"""Nights that nobody watches: each market's night in a process of its own, watched, logged, and told of where a person must know."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Self, TextIO

import luigi.interface
import luigi.retcodes

from pipeline import alerts, current, expected, paths, settings
from pipeline.errors import AlreadyRunning, NoUsableDelivery, UserError
from pipeline.incremental import ledger, store
from pipeline.market_files import load_market
from pipeline.services import clock, scheduler
from pipeline.services.processes import Interruption, run_watched

RUN_FAILED, LATE, AHEAD, CLOCK_BACK = "run-failed", "late-delivery", "early-delivery", "clock-back"
KINDS = (RUN_FAILED, LATE, AHEAD, CLOCK_BACK)
_SUCCEEDED = ("built", "reused")
_SHOWN = 3


@dataclass(frozen=True)
class Outcome:
    """What became of one market's night: the exit code, and the record of the run ({} where none was written)."""

    code: int
    record: dict[str, Any] = field(default_factory=dict)
    message: str = ""

    def place_of(self, family: str) -> str:
        """Return where the result of a stage lies, "" where there is none."""
        return next((task["place"] for task in self.record.get("tasks", ()) if task["family"] == family), "")

    def counts(self) -> str:
        """Tell how many tasks were built and reused."""
        outcomes = [task["outcome"] for task in self.record.get("tasks", ())]
        return f"{outcomes.count('built')} tasks built, {outcomes.count('reused')} reused"


class Log:
    """Writes lines to stderr and to a dated file in `data/logs`, as long as either can be written."""

    def __init__(self, kind: str) -> None:
        """Open the file; a night goes on without one."""
        self.path = paths.LOGS / f"{kind}-{datetime.now(UTC):%Y-%m-%dT%H%M%S}-{os.getpid()}.log"
        self._streams: list[TextIO] = [sys.stderr]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._streams.append(self.path.open("w", encoding="utf-8", errors="backslashreplace"))
        except OSError as error:
            self.say(f"{error.filename or self.path} cannot be written ({error.strerror}): there will be no log file", "WARNING")

    def __enter__(self) -> Self:
        """Write until the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        for stream in self._streams[1:]:
            with contextlib.suppress(OSError):
                stream.close()

    def write(self, line: str) -> None:
        """Write a line; a terminal that was closed and a disk that is full lose it, and not the night."""
        for stream in self._streams:
            with contextlib.suppress(OSError, ValueError):
                stream.write(f"{line}\n")
                stream.flush()

    def say(self, text: str, level: str = "INFO") -> None:
        """Write a line of ours as the runs write theirs."""
        self.write(f"{datetime.now().astimezone():%H:%M:%S} {level:<7} {text}")

    def sweep(self, keep: int) -> None:
        """Drop all but the newest logs."""
        for path in sorted(self.path.parent.glob(f"{self.path.name.split('-')[0]}-*.log"))[: -max(keep, 1)]:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Be the only one that works through nights in this project. Raises AlreadyRunning."""
    path = paths.workspace().locks / "nightly.lock"

    def refuse() -> None:
        told = ""
        with contextlib.suppress(OSError):  # its holder may have ended in this moment
            told = path.read_text(encoding="utf-8", errors="replace").strip()
        raise AlreadyRunning(f"A nightly or a backfill is running already: {told or 'another process'}. Nothing was done.")

    with store.locked(path, refuse):
        with contextlib.suppress(OSError):  # on a full disk nobody learns who it is
            path.write_text(f"process {os.getpid()}, since {datetime.now().astimezone():%Y-%m-%d %H:%M:%S}\n", encoding="utf-8")
        yield


class NightRunner:
    """Runs nights of markets as children, one after the other."""

    def __init__(self, log: Log, interruption: Interruption, options: Sequence[str] = ()) -> None:
        """`options` are handed on to Luigi."""
        self._log = log
        self._interruption = interruption
        self._options = list(options)
        self._runs = 0

    def run(self, market: str, night: date) -> Outcome:
        """Run one market's night through luigid where that answers, and without it where it does not or goes away meanwhile."""
        core = luigi.interface.core()
        is_central = "--local-scheduler" not in self._options and scheduler.answers(core.scheduler_host, core.scheduler_port)
        outcome = self._run(market, night, is_central=is_central)
        if is_central and self._is_lost(outcome):
            self._log.say(f"luigid went away, or forgot the run of {market}: it is done again without it", "WARNING")
            outcome = self._run(market, night, is_central=False)
        return outcome

    def _run(self, market: str, night: date, *, is_central: bool) -> Outcome:
        self._runs += 1
        run = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}-{self._runs}"
        given = [option for option in self._options if option != "--local-scheduler"]
        command = [sys.executable, "-m", "luigi", "--module", "pipeline", "Nightly", "--market", market, "--as-of", str(night)]
        command += [*([] if is_central else ["--local-scheduler"]), *given]
        limit = settings.nightly().max_seconds
        environment = {"INCREMENTAL_RUN": run, "PIPELINE_TODAY": str(night)}
        ended = run_watched(command, self._log.write, self._interruption, limit, environment)
        record = ledger.read_record(paths.DATA, run)
        if self._interruption.signal:
            return Outcome(self._interruption.exit_code, record, "it was interrupted")
        if ended.is_late:
            message = f"it took longer than {limit:,} s ([nightly] max_seconds) and was ended. What is committed stays"
            return Outcome(UserError.exit_code, record, message)
        if ended.code < 0:
            ledger.close_killed(paths.workspace())
            return Outcome(UserError.exit_code, ledger.read_record(paths.DATA, run), f"it was killed by signal {-ended.code}")
        return Outcome(ended.code, record, " ".join(record.get("messages", ())) or ended.last_line)

    def _is_lost(self, outcome: Outcome) -> bool:
        """Say whether a run ended as one does whose scheduler went away: undecided, or with tasks that nobody ran."""
        codes = luigi.retcodes.retcode()
        if self._interruption.signal or outcome.code not in (0, codes.not_run, codes.scheduling_error, codes.unhandled_exception):
            return False
        tasks = outcome.record.get("tasks", ())
        return outcome.code != 0 or not tasks or any(task["outcome"] not in _SUCCEEDED for task in tasks)


class Tonight:
    """Tonight, for several markets: waits for what is late, makes up for what was missed, and tells a person what matters."""

    def __init__(
        self, markets: Sequence[str], asked: date | None, runner: NightRunner, log: Log, interruption: Interruption
    ) -> None:
        """Work on `markets`, each as of the night that was asked for, or today's."""
        self._markets = list(markets)
        self._is_asked = asked is not None
        self._night = asked or clock.today()
        self._runner = runner
        self._log = log
        self._interruption = interruption
        self._codes = [0]

    def run(self) -> int:
        """Run every market, those first whose delivery is there; return the worst exit code."""
        started, waiting, is_told = time.monotonic(), list(self._markets), False
        while waiting and not self._interruption.signal:
            ready = [market for market in waiting if not self._waits(market, (time.monotonic() - started) / 60)]
            for market in ready:
                if not self._interruption.signal:
                    self._run_market(market)
            still = [market for market in waiting if market not in ready]
            if still and (ready or not is_told):
                self._log.say(f"waiting for the delivery of {', '.join(still)}")
                is_told = True
            waiting = still
            if waiting and not ready:
                self._interruption.wait(settings.nightly().poll_seconds)
        if self._interruption.signal:
            self._log.say(f"ended by signal {self._interruption.signal}. What is committed stays: run again to go on", "WARNING")
            return self._interruption.exit_code
        for line in alerts.send():
            self._log.say(line)
        self._clean_up()
        return max(self._codes)

    def _waits(self, market: str, minutes: float) -> bool:
        with contextlib.suppress(UserError):  # its run says what is wrong
            terms = load_market(market, tuple(paths.market_folders()))
            return minutes < terms.delivery.wait_minutes and expected.is_awaited(market, terms, self._night)
        return False

    def _run_market(self, market: str) -> None:
        started = time.monotonic()
        findings: list[dict[str, str]] = []
        try:
            outcome = self._attempt(market, findings)
        except UserError as error:
            outcome = Outcome(error.exit_code, {}, str(error))
        except Exception as error:  # a slip of ours in one market must not cost the others their night
            self._log.write(traceback.format_exc())
            outcome = Outcome(luigi.retcodes.retcode().unhandled_exception, {}, f"{type(error).__name__}: {error}")
        if self._interruption.signal:
            return
        self._codes.append(outcome.code)
        took = f"in {time.monotonic() - started:.0f} s"
        if outcome.code:
            findings.append(self._tell_failure(market, outcome))
            self._log.say(f"{market}, night of {self._night}: exit code {outcome.code} {took}: {outcome.message}", "ERROR")
        else:
            self._log.say(f"{market}, night of {self._night}: done {took}, {outcome.counts()}")
        try:
            self._follow(market, findings, outcome)
        except Exception as error:  # nor must what cannot be told of one
            self._log.write(traceback.format_exc())
            self._log.say(f"{market}: what was found could not be followed: {type(error).__name__}: {error}", "ERROR")
            self._codes.append(luigi.retcodes.retcode().unhandled_exception)

    def _attempt(self, market: str, findings: list[dict[str, str]]) -> Outcome:
        """Make up for missed nights, then run tonight's."""
        terms = load_market(market, tuple(paths.market_folders()))
        self._look_at_clock(market, findings)
        if not self._is_asked and (ahead := expected.list_ahead(market, terms, self._night)):
            self._find(
                findings,
                AHEAD,
                f"{_count(len(ahead))} dated after {self._night}: {', '.join(ahead[:_SHOWN])}.",
                "What is dated in the future is left out until its night comes: prices do not know of it.",
                "See whether this machine's clock or the names of the files are wrong.",
            )
        is_late = (terms.delivery.wait_minutes or terms.delivery.must_arrive) and expected.is_awaited(market, terms, self._night)
        if is_late:
            waited = f"The delivery of {expected.expected_night(terms, self._night)} has not come, or is not whole, after {terms.delivery.wait_minutes:g} minutes"
            if terms.delivery.must_arrive:
                raise NoUsableDelivery(
                    f"{waited}, and [delivery] must_arrive of the market's TOML says that the night cannot do without it. "
                    f"Put it into {paths.deliveries(market)} and run again."
                )
            self._find(
                findings,
                LATE,
                f"{waited}.",
                "Tonight's prices rest on earlier deliveries; the first night after it comes takes it in.",
                "See whether the source, or the fetching of it, has stopped.",
            )
            self._log.say(f"{market}: {waited}: going on without it", "WARNING")
        for missed in expected.list_missed(market, terms, self._night, settings.nightly().catch_up):
            self._log.say(f"{market}: making up for the night of {missed}, which was missed")
            outcome = self._runner.run(market, missed)
            if self._interruption.signal:
                return outcome
            if outcome.code:
                self._codes.append(outcome.code)
                self._log.say(f"{market}, night of {missed}: exit code {outcome.code}: {outcome.message}", "ERROR")
        return self._runner.run(market, self._night)

    def _look_at_clock(self, market: str, findings: list[dict[str, str]]) -> None:
        pointer = current.read_current(market)
        if not self._is_asked and pointer and pointer.as_of > self._night.isoformat():
            self._find(
                findings,
                CLOCK_BACK,
                f"The last good night is {pointer.as_of}, which lies after tonight's {self._night}.",
                "Nothing that is current moves back: prices stay those of the later night.",
                "Set this machine's clock right. If the later night was the mistake, prices move on when it has passed.",
            )

    def _find(self, findings: list[dict[str, str]], kind: str, text: str, means: str, do: str) -> None:
        findings.append({"kind": kind, "subject": "", "text": text, "means": means, "do": do})

    def _tell_failure(self, market: str, outcome: Outcome) -> dict[str, str]:
        scored = _read_scored_night(market)
        stay = f"those of the night of {scored} stay" if scored else "there are none yet"
        return {
            "kind": RUN_FAILED,
            "subject": "",
            "text": f"The night of {self._night} ended with exit code {outcome.code}: {outcome.message}",
            "means": f"No new prices were made: {stay}.",
            "do": f"Mend what the message says, then run `python -m pipeline nightly --market {market}`. The log is {self._log.path}.",
        }

    def _follow(self, market: str, findings: list[dict[str, str]], outcome: Outcome) -> None:
        """Open, keep and close alerts by what was found here, and by Monitor where this was a good night."""
        is_back = any(finding["kind"] == CLOCK_BACK for finding in findings)
        monitored, judged = self._read_monitor(market, outcome) if not outcome.code and not is_back else ([], [])
        night, pointer = self._night.isoformat(), current.read_current(market)
        if not self._is_asked and pointer:  # alerts of an earlier night tell nothing, and that the clock went back must be told
            night = max(night, pointer.as_of)
        followed = alerts.follow(market, night, [*findings, *monitored], {*KINDS, *judged})
        for line in followed.lines:
            self._log.say(line, "WARNING")

    def _read_monitor(self, market: str, outcome: Outcome) -> tuple[list[dict[str, str]], list[str]]:
        """Return what Monitor found and could judge; nothing where the run left no record of it, which is no success."""
        try:
            return _read_monitor(outcome.place_of("Monitor"))
        except (OSError, ValueError, KeyError):
            records = paths.DATA / "runs"
            self._log.say(
                f"{market}: what Monitor found is not told: the run left no record in {records} that leads to it", "ERROR"
            )
            self._codes.append(UserError.exit_code)
            return [], []

    def _clean_up(self) -> None:
        """Drop what no run needs any more, so that nights without end fit on a disk."""
        self._log.sweep(settings.nightly().keep_logs)
        if settings.nightly().keep_runs and not max(self._codes):
            from pipeline.housekeeping import collect

            try:
                dropped = collect(settings.nightly().keep_runs)
            except UserError as error:
                self._log.say(f"nothing was dropped: {error}")
            else:
                if dropped.folders:
                    self._log.say(f"dropped {len(dropped.folders):,} results that nothing needs, {dropped.size / 1e6:,.1f} MB")


def _read_scored_night(market: str) -> str:
    """Return the night of the current scores, "" where there are none."""
    pointer = current.read_current(market)
    with contextlib.suppress(OSError, ValueError, KeyError):
        return str(json.loads((Path(pointer.stages["score"]) / "account.json").read_bytes())["night"]) if pointer else ""
    return ""


def _count(number: int) -> str:
    return "1 delivery is" if number == 1 else f"{number:,} deliveries are"


def _read_monitor(place: str) -> tuple[list[dict[str, str]], list[str]]:
    """Return what Monitor found, and the kinds that it could judge tonight."""
    document = json.loads((Path(place) / "monitor.json").read_bytes())
    return document["findings"], document["judged"]
