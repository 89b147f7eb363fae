"""What makes a challenger the champion, and every reason why not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.contender import KEPT, PROMOTED, REFUSED, Contender
from pipeline.stages.promote import Comparison, Conditions, Rules, compare, decide, leave_out, make_verdict

CHAMPION = Contender("3", "c" * 64, "models/c", "2024-01-01", 1000, "2023-12-20")
CHALLENGER = Contender("4", "d" * 64, "models/d", "2024-01-08", 1100, "2023-12-27")
RULES = Rules(min_judged=50, min_segment_cars=30, resamples=500)
CONDITIONS = Conditions(data_age_days=1, market="avito_ma", currency="MAD")
BASELINES = {"median_make_model_year": 2000.0, "original_recipe": 1800.0}


def cars(n: int = 400) -> pd.DataFrame:
    """Cars of two makes, of which every tenth has a twin."""
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "listing_id": [f"l{number}" for number in range(n)],
            "group_id": [f"g{number // 2 if number % 10 == 1 else number}" for number in range(n)],
            "make": np.where(np.arange(n) % 4 == 0, "Audi", "Dacia"),
            "age_years": random.integers(0, 20, n),
            "price": random.uniform(5_000, 50_000, n).round(),
        }
    )


def estimates(judged: pd.DataFrame, error_share: float, seed: int, width: float = 2.0, audi: float = 1.0) -> pd.DataFrame:
    """Estimates off by normal errors, `audi` times as far off for that make, with intervals of so many standard deviations."""
    random = np.random.default_rng(seed)
    spread = error_share * np.where(judged["make"] == "Audi", audi, 1.0)
    estimate = judged["price"] * np.exp(random.normal(0, 1, len(judged)) * spread)
    return pd.DataFrame(
        {"estimate": estimate, "low": estimate * np.exp(-width * spread), "high": estimate * np.exp(width * spread)},
        index=judged.index,
    )


def judge(challenger: pd.DataFrame, champion: pd.DataFrame | None, judged: pd.DataFrame, **changes: object) -> Comparison:
    return compare(judged, challenger, champion, replace(RULES, **changes))


def failed(verdict: object) -> list[str]:
    return [reason.rule for reason in verdict.reasons if not reason.passed]


JUDGED = cars()
GOOD = estimates(JUDGED, 0.08, 1, width=1.65)
BAD = estimates(JUDGED, 0.16, 2, width=1.65)
BETTER = judge(GOOD, BAD, JUDGED)
WORSE = judge(BAD, GOOD, JUDGED)
EQUAL = judge(GOOD, GOOD, JUDGED)
FIRST = judge(GOOD, None, JUDGED)


@pytest.mark.parametrize(
    ("champion", "comparison", "conditions", "outcome", "failing"),
    [
        pytest.param(CHAMPION, BETTER, CONDITIONS, PROMOTED, [], id="better beyond noise"),
        pytest.param(CHAMPION, WORSE, CONDITIONS, REFUSED, ["better or fresher", "segments"], id="worse"),
        pytest.param(CHAMPION, EQUAL, CONDITIONS, PROMOTED, [], id="as good and fresher"),
        pytest.param(
            replace(CHAMPION, data_as_of="2024-01-08"), EQUAL, CONDITIONS, REFUSED, ["better or fresher"], id="as good, no fresher"
        ),
        pytest.param(
            replace(CHAMPION, data_as_of=""), EQUAL, CONDITIONS, PROMOTED, [], id="undated: as good, learnt from more"
        ),
        pytest.param(
            replace(CHAMPION, data_as_of="", n_learnt=1200), EQUAL, CONDITIONS, REFUSED, ["better or fresher"],
            id="undated: as good, learnt from fewer",
        ),
        pytest.param(
            replace(CHAMPION, n_learnt=2000), BETTER, CONDITIONS, REFUSED, ["enough data"], id="better, but learnt from half the data"
        ),
        pytest.param(CHAMPION, BETTER, replace(CONDITIONS, data_age_days=31), REFUSED, ["data not stale"], id="stale"),
        pytest.param(CHAMPION, BETTER, replace(CONDITIONS, data_age_days=30), PROMOTED, [], id="just not stale"),
        pytest.param(CHAMPION, BETTER, replace(CONDITIONS, data_age_days=None), PROMOTED, [], id="undated data are no ground"),
        pytest.param(CHAMPION, BETTER, replace(CONDITIONS, data_age_days=900, synthetic=True), PROMOTED, [], id="synthetic"),
        pytest.param(CHAMPION, BETTER, replace(CONDITIONS, barred="by omar on 2024-01-02: too dear"), REFUSED, ["not barred"], id="barred"),
        pytest.param(
            CHAMPION, BETTER, replace(CONDITIONS, complaint="A fresh process said no."), REFUSED, ["loads and prices as judged"],
            id="a fresh process complains",
        ),
        pytest.param(None, FIRST, CONDITIONS, REFUSED, ["floors"], id="first model below the baselines"),
        pytest.param(replace(CHAMPION, fingerprint=CHALLENGER.fingerprint), FIRST, CONDITIONS, KEPT, [], id="the champion itself"),
    ],
)  # fmt: skip
def test_the_verdict_and_every_reason(
    champion: Contender | None, comparison: Comparison, conditions: Conditions, outcome: str, failing: list[str]
) -> None:
    baselines = {name: mae * 0.5 for name, mae in BASELINES.items()} if champion is None else BASELINES
    verdict = decide(CHALLENGER, champion, comparison, baselines, conditions, RULES)

    assert verdict.outcome == outcome
    assert failed(verdict) == failing
    assert all(reason.text.endswith(".") for reason in verdict.reasons)


def test_a_first_model_that_beats_the_baselines_is_promoted() -> None:
    verdict = decide(CHALLENGER, None, FIRST, {"median": FIRST.figures["mae"]["challenger"]}, CONDITIONS, RULES)
    assert verdict.outcome == PROMOTED
    assert [reason.rule for reason in verdict.reasons] == [
        "not barred", "enough data", "data not stale", "loads and prices as judged", "floors", "coverage",
    ]  # fmt: skip


def test_better_overall_and_worse_for_one_make_is_refused_by_name() -> None:
    challenger = estimates(JUDGED, 0.05, 3, width=1.65, audi=4.0)
    comparison = judge(challenger, estimates(JUDGED, 0.12, 4, width=1.65), JUDGED)
    assert comparison.figures["difference_high"] < 0

    verdict = decide(CHALLENGER, CHAMPION, comparison, BASELINES, CONDITIONS, RULES)

    assert failed(verdict) == ["segments"]
    told = verdict.reasons[-1].text
    assert "make Audi by " in told
    assert "Dacia" not in told
    assert set(comparison.segments[comparison.segments["is_hurt"]]["segment"]) == {"Audi"}


@pytest.mark.parametrize(("width", "passes"), [(0.5, False), (1.65, True), (9.0, False)])
def test_intervals_that_hold_too_few_or_too_many_prices_are_refused(width: float, passes: bool) -> None:
    comparison = judge(estimates(JUDGED, 0.08, 1, width=width), BAD, JUDGED, coverage_margin_share=0.05)
    verdict = decide(CHALLENGER, CHAMPION, comparison, BASELINES, CONDITIONS, RULES)
    assert ("coverage" not in failed(verdict)) == passes


def test_too_few_listings_in_common_judge_nothing() -> None:
    none = JUDGED.iloc[:0]
    comparison = judge(GOOD.iloc[:0], BAD.iloc[:0], none)
    verdict = decide(CHALLENGER, CHAMPION, comparison, BASELINES, CONDITIONS, RULES)
    assert (verdict.outcome, failed(verdict)) == (REFUSED, ["enough data"])
    assert comparison.figures["n_judged"] == 0
    assert comparison.segments.empty

    few = JUDGED.iloc[:49]
    verdict = decide(CHALLENGER, CHAMPION, judge(GOOD.iloc[:49], BAD.iloc[:49], few), BASELINES, CONDITIONS, RULES)
    assert "enough data" in failed(verdict)


def test_what_the_champion_learnt_from_judges_nobody() -> None:
    learnt = pd.DataFrame({"listing_id": ["l3", "elsewhere"], "group_id": ["old", "g7"]})
    left = leave_out(JUDGED, learnt)
    assert set(JUDGED["listing_id"]) - set(left["listing_id"]) == {"l3", "l7"}


def test_a_twin_is_known_though_the_oldest_of_its_group_has_left_the_history() -> None:
    learnt = pd.DataFrame({"listing_id": ["gone", "g5"], "group_id": ["gone", "gone"]})
    left = leave_out(JUDGED, learnt)
    assert set(JUDGED["listing_id"]) - set(left["listing_id"]) == {"l5", "l11"}


def test_twins_count_as_one_draw() -> None:
    """A thousand copies of the same car say no more than one: the interval must not narrow."""
    one = JUDGED.iloc[:100].reset_index(drop=True)
    many = pd.concat([one] * 20, ignore_index=True)
    single = compare(one, GOOD.iloc[:100], BAD.iloc[:100], RULES).figures
    copies = compare(many, *(pd.concat([found.iloc[:100]] * 20, ignore_index=True) for found in (GOOD, BAD)), RULES).figures
    assert copies["difference_high"] - copies["difference_low"] == pytest.approx(
        single["difference_high"] - single["difference_low"], rel=0.05
    )


def test_the_bootstrap_covers_the_truth_as_often_as_it_says() -> None:
    """Of equal models, one in ten differs beyond a 90 % interval."""
    outside = 0
    for seed in range(100):
        judged = cars(200)
        figures = compare(judged, estimates(judged, 0.1, 2 * seed), estimates(judged, 0.1, 2 * seed + 1), RULES).figures
        outside += not figures["difference_low"] <= 0 <= figures["difference_high"]
    assert 3 <= outside <= 20


def test_the_document_is_plain_and_the_same_every_time() -> None:
    verdict = decide(CHALLENGER, CHAMPION, BETTER, BASELINES, CONDITIONS, RULES)
    made = make_verdict("m", "2024-01-09", CHALLENGER, CHAMPION, verdict, BETTER.figures)
    assert made["challenger"]["version"] == "4"
    assert made["champion"]["version"] == "3"
    again = judge(GOOD, BAD, JUDGED)
    assert again.figures == BETTER.figures
    pd.testing.assert_frame_equal(again.segments, BETTER.segments)


def test_the_remedy_of_a_bar_names_the_market() -> None:
    verdict = decide(CHALLENGER, CHAMPION, BETTER, BASELINES, replace(CONDITIONS, barred="by omar: too dear"), RULES)
    assert "`python -m pipeline rollback --market avito_ma --lift 4`" in verdict.reasons[0].text
