"""What holds for every year of nights, whatever was found, judged, skipped or run twice."""

from collections import Counter
from datetime import date, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.incidents import CLOSED, OPENED, Finding, Incident, follow_incidents

FIRST = date(2024, 1, 1)
KINDS = ("freshness", "drift")
FINDINGS = [Finding(kind, subject, f"{kind} of {subject}", "means", "do") for kind in KINDS for subject in ("a", "b")]
# One that lasts makes 17 a year. No pattern of coming and going makes more than this, which a search through all of them found: it opens
# and closes after 2, 4, 8 and then every 16 quiet nights, with the reminders that fall between.
MOST_A_YEAR = 66
few = settings(max_examples=60)


@st.composite
def years(draw: st.DrawFn) -> list[tuple[str, list[Finding], set[str]]]:
    """Draw a year of nights: its date, what was found and which kinds were judged; findings last for a while or flicker."""
    random = Random(draw(st.integers(0, 2**32)))  # one number: a year is long
    chance = [draw(st.sampled_from((0.02, 0.3, 0.5, 0.7, 0.97))) for _ in FINDINGS]
    stays = draw(st.sampled_from((0.0, 0.5, 0.9, 0.97)))
    unjudged, skipped = draw(st.sampled_from((0.0, 0.2))), draw(st.sampled_from((0.0, 0.1, 0.5)))
    is_there = [False] * len(FINDINGS)
    nights = []
    for day in range(366):
        is_there = [
            before if random.random() < stays else random.random() < one for before, one in zip(is_there, chance, strict=True)
        ]
        judged = {kind for kind in KINDS if random.random() >= unjudged}
        if random.random() >= skipped:
            found = [finding for finding, there in zip(FINDINGS, is_there, strict=True) if there and finding.kind in judged]
            nights.append(((FIRST + timedelta(days=day)).isoformat(), found, judged))
    return nights


def follow(nights, times=1):
    """Follow the nights, each so many times; return what each told and the incidents after the last."""
    known: list[Incident] = []
    last, told = "", []
    for night, found, judged in nights:
        for _ in range(times):
            known, notices = follow_incidents("uk", known, last, night, found, judged)
            told += notices
            last = night
    return told, known


@few
@given(years())
def test_a_year_of_an_incident_is_a_few_messages(nights):
    told, _ = follow(nights)
    counts = Counter(notice.incident.identity for notice in told)
    assert max(counts.values(), default=0) <= MOST_A_YEAR
    assert len({notice.id for notice in told}) == len(told)


@few
@given(years())
def test_what_was_opened_is_closed_or_open(nights):
    told, known = follow(nights)
    for finding in FINDINGS:
        changes = [n.what for n in told if n.incident.identity == finding.identity and n.what in (OPENED, CLOSED)]
        assert changes == [OPENED, CLOSED] * (len(changes) // 2) + [OPENED] * (len(changes) % 2)
        is_open = any(one.identity == finding.identity and one.is_open for one in known)
        assert is_open == bool(len(changes) % 2)


@few
@given(years())
def test_what_is_found_on_the_last_night_is_open(nights):
    _, known = follow(nights)
    found = {finding.identity for finding in nights[-1][1]} if nights else set()
    assert found <= {one.identity for one in known if one.is_open}


@few
@given(years(), st.integers(2, 3))
def test_every_night_run_again_and_the_year_replayed_change_nothing(nights, times):
    once, known = follow(nights)
    again, known_again = follow(nights, times)
    assert [notice.id for notice in again] == [notice.id for notice in once]
    assert known_again == known
    for night, found, judged in nights[:-1]:
        assert follow_incidents("uk", known, nights[-1][0], night, found, judged) == (known, [])
