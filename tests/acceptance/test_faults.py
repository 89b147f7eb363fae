"""The short form of `python -m benchmarks.faults`: crashes at some of the writes, half-writes, a full disk, two runs at once.

The campaign there tries every write; docs/faults.md has its table.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import faults

pytestmark = pytest.mark.skipif(bool(faults.can_run()), reason=faults.can_run())
SPREAD = {"kill": 6, "half": 2, "enospc": 2}


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> faults.Setup:
    """A project of two deliveries whose first is done: the run to disturb ingests the second and all that follows."""
    # Fitted in the run's own process: one that only imports has nothing to write, and the campaign has it.
    return faults.prepare(tmp_path_factory.mktemp("faults"), faults.SMALL, "--Train-max-seconds", "0", is_later=True)


def spread(operations: list[faults.Operation], count: int) -> list[int]:
    """Choose that many operations, evenly spread, the last among them."""
    step = len(operations) / count
    return [operations[round((place + 1) * step) - 1].number for place in range(count)]


@pytest.mark.parametrize("action", SPREAD)
def test_after_any_fault_the_next_run_ends_right_and_nothing_is_left(setup: faults.Setup, action: str) -> None:
    wanted = {"kill": None, "half": ("write",), "enospc": ("mkdir", "open", "write")}[action]
    met = [one for one in setup.distinct(1_000_000) if wanted is None or one.name in wanted]
    trials = [faults.Trial(action, setup, faults.at_operation(number, action)) for number in spread(met, SPREAD[action])]
    outcomes = faults.try_all(trials, jobs=2, minutes=10, seed="0")
    assert len(outcomes) == SPREAD[action]
    assert [(outcome.fault, outcome.found) for outcome in outcomes if outcome.found] == []


def test_a_promotion_killed_between_its_steps_is_finished_by_the_next_run(tmp_path: Path) -> None:
    """The champion, the journal, the registry, `current` and the receipt: a kill before each of their renames, and amid the registry."""
    setup = faults.prepare_promotion(tmp_path, faults.SMALL)
    steps = ("data/promote/", "data/champion/", "data/journal/", "data/current/")
    met = [one.number for one in setup.operations if one.name == "rename" and one.path.startswith(steps)]
    met += [one.number for one in setup.operations if one.name == "write" and one.path == "data/mlflow/mlflow.db"][:2]
    trials = [faults.Trial("kill", setup, faults.at_operation(number, "kill")) for number in met]
    outcomes = faults.try_all(trials, jobs=2, minutes=10, seed="0")
    assert len(outcomes) == len(met) == 7
    assert [(outcome.fault, outcome.found) for outcome in outcomes if outcome.found] == []


def test_two_runs_at_once_build_each_result_once_and_end_alike(setup: faults.Setup) -> None:
    assert faults.try_fault(faults.Trial("two", setup, faults.at_once(2))).found == ()


def test_the_harness_does_see_what_is_wrong(setup: faults.Setup) -> None:
    with faults.fresh_copy(setup) as root:
        folder = next(root.glob("data/ingest/[0-9a-f]*"))
        folder.chmod(0o755)
        (folder / "account.json").chmod(0o644)
        (folder / "account.json").write_text("{}")
        (root / "data/clean/.building-x").mkdir(parents=True)
        assert faults.partial(root) == [f"{folder.relative_to(root)} is not what its manifest says"]
        assert "data/clean/.building-x" in faults.left_behind(root)


def test_a_clock_that_goes_back_amid_a_night_changes_nothing_that_is_made(tmp_path: Path) -> None:
    setup = faults.prepare_night(tmp_path, faults.SMALL)
    trials = [faults.Trial("clock", setup, faults.at_operation(number, "clock")) for number in spread(list(setup.operations), 2)]
    outcomes = faults.try_all(trials, jobs=2, minutes=10, seed="0")
    assert len(outcomes) == 2
    assert [(outcome.fault, outcome.found) for outcome in outcomes if outcome.found] == []
