"""A fresh process finds what a long-lived one would not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipeline.services import probe


@pytest.fixture
def listings() -> pd.DataFrame:
    return pd.DataFrame({"make": ["Dacia", "Audi"]})


@pytest.fixture
def judged() -> pd.DataFrame:
    return pd.DataFrame({"estimate": [100.0, 200.0], "low": [90.0, 180.0], "high": [110.0, 220.0]})


def answer(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Let the process be one that runs this; it finds its files as the real one does."""
    program = f"import sys, time, pandas as pd\nfolder, asked, answered = sys.argv[1:4]\n{body}"
    real = probe.subprocess.run

    def run(command: list[str], **options: object) -> object:
        return real([command[0], "-c", program, *command[3:]], **options)

    monkeypatch.setattr(probe.subprocess, "run", run)


TABLE = "pd.DataFrame({'estimate': [100.0, %s], 'low': [90.0, 180.0], 'high': [110.0, 220.0]}).to_parquet(answered)"


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (TABLE % "200.0", None),
        (TABLE % "200.1", "prices 1 of 2 cars otherwise than when they were judged, the first at 200.10 instead of 200.00"),
        ("sys.exit('no such thing')", "It said: no such thing"),
        ("time.sleep(30)", "within 5 seconds"),
        ("pass", "It said: nothing"),
    ],
)
def test_a_complaint_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, listings: pd.DataFrame, judged: pd.DataFrame, body: str, complaint: str | None
) -> None:
    answer(monkeypatch, body)
    found = probe.find_complaint(Path("models/x"), listings, judged, max_seconds=5 if "sleep" in body else 120)
    assert found is None if complaint is None else complaint in str(found)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9"),
        ("import os; os.kill(os.getpid(), 15)", "was ended by signal 15"),
        ("sys.stderr.write('No space left on device'); sys.exit(75)", "could not: No space left on device"),
    ],
)
def test_an_end_from_outside_says_nothing_of_the_model(
    monkeypatch: pytest.MonkeyPatch, listings: pd.DataFrame, judged: pd.DataFrame, body: str, told: str
) -> None:
    answer(monkeypatch, body)
    with pytest.raises(probe.ProbeEnded, match=told):
        probe.find_complaint(Path("models/x"), listings, judged, max_seconds=20)


def test_a_crash_is_the_models(monkeypatch: pytest.MonkeyPatch, listings: pd.DataFrame, judged: pd.DataFrame) -> None:
    answer(monkeypatch, "import os; os.kill(os.getpid(), 11)")
    assert "could not load the model" in str(probe.find_complaint(Path("models/x"), listings, judged, max_seconds=20))


def test_a_model_that_is_not_there_is_said_without_a_traceback(
    listings: pd.DataFrame, judged: pd.DataFrame, tmp_path: Path
) -> None:
    found = probe.find_complaint(tmp_path / "none", listings, judged, max_seconds=60)
    assert found is not None
    assert "Traceback" not in found
    assert "could not load the model" in found
