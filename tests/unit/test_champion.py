"""Who was champion on which night: a night that is made again is priced and judged as it was then, not by a model that has seen its future."""

import pytest

from pipeline.champion import Champion, Seat, holder_on, is_version, opponent


def seat(version: int, promoted_on: str) -> Seat:
    return Seat(str(version), f"fingerprint {version}", f"models/{version}", promoted_on, 100, None, "", "", promoted_on)


FIRST, SECOND, THIRD = seat(1, "2024-02-01"), seat(2, "2024-02-05"), seat(3, "2024-02-09")
NOW = Champion("uk", "2024-02-09", THIRD, SECOND, "2024-02-09", (FIRST, SECOND))


@pytest.mark.parametrize(
    ("night", "holder"),
    [
        ("2024-01-31", None),
        ("2024-02-01", FIRST),
        ("2024-02-04", FIRST),
        ("2024-02-05", SECOND),
        ("2024-02-08", SECOND),
        ("2024-02-09", THIRD),
        ("2024-03-01", THIRD),
    ],
)
def test_a_night_is_priced_by_whoever_was_champion_when_it_was_over(night, holder):
    assert holder_on(NOW, night) == holder


@pytest.mark.parametrize(
    ("night", "challenger", "met"),
    [
        ("2024-02-01", FIRST, None),
        ("2024-02-03", None, FIRST),
        ("2024-02-05", SECOND, FIRST),
        ("2024-02-05", None, FIRST),
        ("2024-02-05", seat(7, ""), SECOND),
        ("2024-02-09", THIRD, SECOND),
        ("2024-02-09", None, SECOND),
        ("2024-02-09", seat(7, ""), THIRD),
        ("2024-02-10", seat(7, ""), THIRD),
    ],
)
def test_a_challenger_meets_the_champion_of_its_time(night, challenger, met):
    assert opponent(NOW, night, challenger.fingerprint if challenger else None) == met


def test_without_a_champion_nobody_prices_and_nobody_is_met():
    assert holder_on(None, "2024-02-01") is None
    assert opponent(None, "2024-02-01", None) is None


@pytest.mark.parametrize(
    ("told", "is_one"), [("1", True), ("12", True), ("", False), ("E\t", False), ("٣", False), ("9" * 5000, False), (3, False)]
)
def test_a_version_is_text_of_a_few_digits(told, is_one):
    assert is_version(told) is is_one
