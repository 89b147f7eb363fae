"""When an incident opens, when it is told of again, and when it is over."""

from datetime import date, timedelta

import pytest

from pipeline.stages import notices as telling
from pipeline.stages.incidents import CLOSED, OPENED, REMINDED, Finding, Incident, Notice, follow_incidents, printable

FIRST = date(2024, 1, 1)
STALE = Finding("freshness", "delivery", "No delivery since 2023-12-29.", "Prices are 3 days old.", "Look at the scraper.")
DRIFT = Finding("drift", "mileage_km", "Mileage moved.", "Estimates may be off.", "Look at the report.")


class Nights:
    """A market followed from its first night on; `told` is what each night said, as (day, what, subject)."""

    def __init__(self) -> None:
        self.incidents: list[Incident] = []
        self.last = ""
        self.told: list[tuple[int, str, str]] = []
        self.notices: list[Notice] = []

    def follow(self, day: int, *findings: Finding, judged: tuple[str, ...] = ("freshness", "drift")) -> list[str]:
        night = (FIRST + timedelta(days=day)).isoformat()
        self.incidents, self.notices = follow_incidents("uk", self.incidents, self.last, night, findings, judged)
        self.last = max(self.last, night)
        self.told += [(day, notice.what, notice.incident.subject) for notice in self.notices]
        return [notice.what for notice in self.notices]

    def open(self) -> list[str]:
        return [incident.subject for incident in self.incidents if incident.is_open]


@pytest.fixture
def nights() -> Nights:
    return Nights()


def test_a_year_of_one_incident_is_told_at_growing_gaps(nights: Nights) -> None:
    for day in range(366):
        nights.follow(day, STALE)
    assert [day for day, _, _ in nights.told] == [0, 1, 3, 7, 14, 30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 330, 360]
    assert [what for _, what, _ in nights.told] == [OPENED, *[REMINDED] * 16]


def test_nights_that_were_not_run_make_one_reminder_of_those_they_missed(nights: Nights) -> None:
    nights.follow(0, STALE)
    assert nights.follow(20, STALE) == [REMINDED]
    assert nights.follow(21, STALE) == []
    assert nights.follow(30, STALE) == [REMINDED]


def test_it_is_over_when_it_was_gone_for_two_judged_nights(nights: Nights) -> None:
    nights.follow(0, STALE)
    assert nights.follow(1) == []
    assert nights.follow(2) == [CLOSED]
    assert nights.follow(3) == []
    assert nights.open() == []


def test_what_nobody_looked_at_stays_open(nights: Nights) -> None:
    nights.follow(0, STALE, DRIFT)
    for day in range(1, 10):
        nights.follow(day, judged=("drift",))
    assert nights.open() == ["delivery"]
    assert nights.told[2:] == [(2, CLOSED, "mileage_km")]


def test_nights_without_a_judgement_do_not_count_as_gone(nights: Nights) -> None:
    nights.follow(0, STALE)
    nights.follow(1)
    assert nights.follow(2, judged=()) == []
    assert nights.follow(3) == [CLOSED]


def test_one_that_is_gone_every_second_night_is_never_over_and_only_reminded_of(nights: Nights) -> None:
    for day in range(0, 366, 2):
        nights.follow(day, STALE)
        nights.follow(day + 1)
    assert len(nights.told) <= 17
    assert {what for _, what, _ in nights.told[1:]} == {REMINDED}


def test_one_that_keeps_coming_back_waits_longer_to_be_over(nights: Nights) -> None:
    """Gone for two nights of three, it would be opened and closed 122 times a year."""
    for day in range(366):
        nights.follow(day, *([STALE] if day % 3 == 0 else []))
    assert len(nights.told) <= 24
    assert [(day, what) for day, what, _ in nights.told[:5]] == [
        (0, OPENED),
        (2, CLOSED),
        (3, OPENED),
        (6, REMINDED),
        (12, REMINDED),
    ]


def test_one_that_comes_back_says_so(nights: Nights) -> None:
    nights.follow(0, STALE)
    nights.follow(1)
    nights.follow(2)
    nights.follow(9, STALE)
    (incident,) = nights.incidents
    assert telling.tell_since(incident) == "2024-01-10, back for the second time"


def test_long_after_it_was_over_it_is_another_incident(nights: Nights) -> None:
    for day in (0, 1, 2):
        nights.follow(day, *([STALE] if day == 0 else []))
    nights.follow(40)
    assert nights.incidents == []
    assert nights.follow(41, STALE) == [OPENED]
    assert nights.incidents[0].times == 1


def test_an_earlier_night_changes_and_tells_nothing(nights: Nights) -> None:
    nights.follow(5, STALE)
    before = nights.incidents
    assert nights.follow(4, DRIFT) == []
    assert nights.incidents == before


@pytest.mark.parametrize("findings", [(), (STALE,), (STALE, DRIFT)])
def test_the_same_night_twice_tells_only_what_is_new(nights: Nights, findings: tuple[Finding, ...]) -> None:
    nights.follow(0, STALE)
    nights.follow(1, *findings)
    before = nights.incidents
    for _ in range(3):
        assert nights.follow(1, *findings) == []
        assert nights.incidents == before
    other = Finding("drift", "power_hp", "", "", "")
    assert nights.follow(1, *findings, other) == [OPENED]


def test_a_night_that_is_run_again_counts_once_as_gone(nights: Nights) -> None:
    nights.follow(0, STALE)
    for _ in range(3):
        assert nights.follow(1) == []
    assert nights.open() == ["delivery"]


def test_a_notice_has_the_same_name_whenever_it_is_worked_out(nights: Nights) -> None:
    nights.follow(0, STALE, DRIFT)
    again = Nights()
    again.follow(0, DRIFT, STALE)
    assert [notice.id for notice in nights.notices] == [notice.id for notice in again.notices]
    assert len({notice.id for notice in nights.notices}) == 2


def test_the_last_words_count_and_of_two_with_one_identity_the_first(nights: Nights) -> None:
    nights.follow(0, STALE)
    newer = Finding("freshness", "delivery", "No delivery for 4 days.", "Old.", "Look.")
    nights.follow(1, newer, STALE)
    assert nights.incidents[0].text == "No delivery for 4 days."
    assert nights.incidents[0].since == "2024-01-01"


def test_what_a_delivery_is_named_cannot_give_orders_to_a_terminal() -> None:
    found = Finding.read(
        {"kind": "k", "subject": "a\nb", "text": "\x1b[2Jbad\udcff.csv" + "x" * 2000, "means": "", "do": "\tdo  it"}
    )
    assert found.subject == "a b"
    assert found.text.startswith("�[2Jbad�.csv")
    assert len(found.text) == 1000
    assert found.do == "do it"
    assert printable("Peugeot 206 – 12 000 €") == "Peugeot 206 – 12 000 €"


def test_a_message_says_what_since_when_what_it_means_and_what_to_do(nights: Nights) -> None:
    nights.follow(0, STALE)
    nights.follow(1)
    nights.follow(2, DRIFT)
    assert telling.tell_title("2024-01-03", nights.notices) == "Car prices 2024-01-03: 1 new, 1 over (uk)"
    assert telling.tell_text(nights.notices) == (
        "uk\n\n"
        "New: Mileage moved.\n  Since: 2024-01-03\n  Means for prices: Estimates may be off.\n  What to do: Look at the report.\n\n"
        "Over: No delivery since 2023-12-29.\n  It was found from 2024-01-01 to 2024-01-01; nothing is left to do.\n"
    )
