"""A night of several markets: what goes wrong in one is told, and costs no other its night."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline import alerts, expected, unattended
from pipeline.errors import NoUsableDelivery
from pipeline.services.processes import Interruption
from pipeline.unattended import KINDS, RUN_FAILED, NightRunner, Outcome, Tonight

NIGHT = date(2024, 2, 10)
DONE = [{"family": "Monitor", "place": "data/monitor/x", "outcome": "built"}]


class Recorded:
    """What a night did, in the place of runs and of whoever is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        monkeypatch.chdir(folder)
        self.outcomes: dict[str, list[Outcome | Exception]] = {}
        self.runs: list[tuple[str, date]] = []
        self.followed: dict[str, tuple[list[dict[str, Any]], set[str]]] = {}
        self.missed: list[date] = []
        monkeypatch.setattr(
            unattended,
            "load_market",
            lambda *_: SimpleNamespace(delivery=SimpleNamespace(wait_minutes=0, must_arrive=False, lag_days=0)),
        )
        monkeypatch.setattr(expected, "list_ahead", lambda *_: [])
        monkeypatch.setattr(expected, "list_missed", lambda market, *_: self.missed if market == "two" else [])
        place = folder / DONE[0]["place"]
        place.mkdir(parents=True)
        (place / "monitor.json").write_text(json.dumps({"findings": [], "judged": ["volume"]}))
        monkeypatch.setattr(alerts, "follow", self.follow)
        monkeypatch.setattr(alerts, "send", list)
        self.log = unattended.Log("nightly")

    def follow(self, market: str, night: str, findings: list[dict[str, Any]], judged: set[str]) -> SimpleNamespace:
        assert night == NIGHT.isoformat()
        self.followed[market] = findings, judged
        return SimpleNamespace(lines=())

    def run(self, market: str, night: date) -> Outcome:
        self.runs.append((market, night))
        outcome = self.outcomes.get(market, [Outcome(0, {"tasks": DONE})]).pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def night(self, *markets: str) -> int:
        return Tonight(markets, NIGHT, self, self.log, Interruption()).run()  # type: ignore[arg-type]  # it stands in for a NightRunner


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Recorded]:
    found = Recorded(monkeypatch, tmp_path)
    with found.log:
        yield found


@pytest.mark.parametrize(
    ("outcome", "code", "told"),
    [
        (Outcome(30, {}, "too few listings"), 30, "exit code 30: too few listings"),
        (NoUsableDelivery("nothing there"), 20, "exit code 20: nothing there"),
        (KeyError("a slip of ours"), 40, "exit code 40: KeyError: 'a slip of ours'"),
    ],
    ids=["failed", "nothing to work on", "a defect"],
)
def test_what_goes_wrong_in_one_market_is_told_and_costs_no_other_its_night(
    recorded: Recorded, outcome: Outcome | Exception, code: int, told: str
) -> None:
    recorded.outcomes["one"] = [outcome]
    assert recorded.night("one", "two") == code
    assert recorded.runs == [("one", NIGHT), ("two", NIGHT)]
    (finding,), judged = recorded.followed["one"]
    assert finding["kind"] == RUN_FAILED
    assert told in finding["text"]
    assert "there are none yet" in finding["means"]
    assert judged == set(KINDS), "what Monitor could not judge stays open"
    assert recorded.followed["two"] == ([], {*KINDS, "volume"})


def test_a_good_run_without_a_record_is_no_success_and_costs_no_other_its_night(recorded: Recorded) -> None:
    recorded.outcomes["one"] = [Outcome(0, {})]
    assert recorded.night("one", "two") == 30
    assert recorded.followed["one"] == ([], set(KINDS)), "what Monitor could not tell stays open"
    assert recorded.followed["two"] == ([], {*KINDS, "volume"})
    assert "one: what Monitor found is not told" in recorded.log.path.read_text()


def test_findings_that_cannot_be_followed_cost_no_other_its_night(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    def follow(market: str, *told: Any) -> SimpleNamespace:
        if market == "one":
            raise OSError("no room")
        return recorded.follow(market, *told)

    monkeypatch.setattr(alerts, "follow", follow)
    assert recorded.night("one", "two") == 40
    assert list(recorded.followed) == ["two"]
    assert "one: what was found could not be followed: OSError: no room" in recorded.log.path.read_text()


def test_a_missed_night_that_fails_is_no_success_and_tonight_is_run_all_the_same(recorded: Recorded) -> None:
    recorded.missed = [date(2024, 2, 8)]
    recorded.outcomes["two"] = [Outcome(30, {}, "broken"), Outcome(0, {"tasks": DONE})]
    assert recorded.night("two") == 30
    assert recorded.runs == [("two", date(2024, 2, 8)), ("two", NIGHT)]


@pytest.mark.parametrize(
    ("outcome", "is_lost"),
    [
        (Outcome(0, {"tasks": [{"outcome": "built"}, {"outcome": "reused"}]}), False),
        (Outcome(0, {"tasks": [{"outcome": "built"}, {"outcome": "not run"}]}), True),
        (Outcome(0, {}), True),
        (Outcome(25, {"tasks": [{"outcome": "not run"}]}), True),
        (Outcome(40, {}), True),
        (Outcome(30, {"tasks": [{"outcome": "failed"}]}), False),
        (Outcome(20, {}), False),
    ],
)
def test_a_run_is_lost_when_its_scheduler_was(recorded: Recorded, outcome: Outcome, is_lost: bool) -> None:
    assert NightRunner(recorded.log, Interruption())._is_lost(outcome) is is_lost
