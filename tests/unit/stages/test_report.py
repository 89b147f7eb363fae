"""What a report tells of a night, and what it must not claim."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.stages.deals import MAX_DEALS, choose_deals, find_url
from pipeline.stages.report import MAX_DELIVERIES, MAX_POINTS, fold_rebuilt, make_report
from tests import reporting
from tests.reporting import CHALLENGER, CHAMPION, NIGHT, sources


def spell(document: dict) -> str:
    return json.dumps(document, sort_keys=True, allow_nan=False)


class TestDocument:
    """The whole of it."""

    def test_it_is_plain_and_the_same_twice(self):
        assert spell(make_report(sources())) == spell(make_report(sources()))

    def test_it_names_no_folder(self):
        assert "models/" not in spell(make_report(sources()))

    def test_the_cloud_is_thinned_always_alike(self):
        found = make_report(sources(estimates=reporting.judged(3 * MAX_POINTS)))["model"]["cloud"]
        assert (len(found["points"]), found["n"]) == (MAX_POINTS, 3 * MAX_POINTS)
        assert found == make_report(sources(estimates=reporting.judged(3 * MAX_POINTS)))["model"]["cloud"]

    def test_points_beyond_the_frame_are_counted(self):
        estimates = reporting.judged(1_000)
        estimates.loc[0, "price"] = 10_000_000.0
        assert make_report(sources(estimates=estimates))["model"]["cloud"]["n_beyond_money"] >= 1

    def test_few_judged_listings_have_no_trend(self):
        assert make_report(sources(estimates=reporting.judged(30)))["model"]["trend"] == []

    def test_a_model_that_loses_to_a_baseline_says_so(self):
        worse = {**reporting.metrics(), "mae": 1_450.0}
        assert make_report(sources(metrics=worse))["model"]["worse_than"] == [{"baseline": "original_recipe", "measure": "mae"}]

    def test_small_makes_are_counted_only(self):
        makes = next(kind for kind in make_report(sources())["model"]["segments"] if kind["kind"] == "make")
        assert [row["segment"] for row in makes["rows"]] == ["Audi"]
        assert (makes["n_small"], makes["n_small_listings"]) == (1, 2)

    def test_coverage_beyond_chance_is_marked(self):
        segments = reporting.segments().assign(interval_coverage=[0.9, 0.5, 0.9, 0.9, 0.0])
        found = {kind["kind"]: kind["rows"][0]["is_off"] for kind in make_report(sources(segments=segments))["model"]["segments"]}
        assert found == {"status": False, "age": True, "price": False, "make": False}


class TestSentence:
    """The verdict in one sentence, borne out by the champion."""

    @pytest.mark.parametrize(
        ("outcome", "former", "serving", "expected"),
        [
            ("promoted", CHAMPION, CHALLENGER, "Version 7 is the new champion, in the place of version 5."),
            ("promoted", None, CHALLENGER, "Version 7 is the first champion of this market."),
            ("promoted", CHAMPION, CHAMPION, "Version 7 passed every rule, but version 5 is the champion that prices."),
            ("promoted", CHAMPION, None, "Version 7 passed every rule, and the market has no champion: nothing is priced."),
            ("refused", CHAMPION, CHAMPION, "Version 7 was refused: version 5 stays the champion."),
            ("refused", None, CHAMPION, "Version 7 was refused; version 5 is the champion that prices."),
            ("refused", None, None, "Version 7 was refused, and the market has no champion: nothing is priced."),
            ("kept", CHALLENGER, CHALLENGER, "Version 7 stays the champion: no other model was made."),
            (
                "kept",
                CHALLENGER,
                CHAMPION,
                "Version 7 was the champion when it was judged; version 5 is the champion that prices.",
            ),
            (
                "kept",
                CHALLENGER,
                None,
                "Version 7 was the champion when it was judged, and the market has no champion: nothing is priced.",
            ),
        ],
    )
    def test_it_says_no_more_than_happened(self, outcome, former, serving, expected):
        found = make_report(sources(verdict=reporting.verdict(outcome, former), serving=serving))
        assert found["verdict"]["sentence"] == expected

    def test_failed_rules_are_counted(self):
        assert make_report(sources(verdict=reporting.verdict("refused")))["verdict"]["n_failed"] == 1


class TestAge:
    """How old the data are."""

    @pytest.mark.parametrize(
        ("night", "newest", "age_days"),
        [
            (NIGHT, NIGHT, 0),
            (NIGHT, "2024-02-03", 7),
            (NIGHT, "", None),
            ("", "", None),
        ],
        ids=["fresh", "a week", "no dated delivery", "undated market"],
    )
    def test_it_is_told_in_days(self, night, newest, age_days):
        assert make_report(sources(night=night, newest_delivery=newest))["data"]["age_days"] == age_days

    def test_stale_prices_are_said_to_be_stale(self):
        assert make_report(sources())["data"]["stale"] == ""
        account = {**sources().score_account, "stale": "the newest delivery is old"}
        assert make_report(sources(score_account=account))["data"]["stale"] == "the newest delivery is old"


class TestMonitored:
    """What of the night is not as it was."""

    def test_findings_are_told_with_what_they_mean_and_what_to_do(self):
        told = make_report(sources())["monitored"]
        assert [finding["kind"] for finding in told["findings"]] == ["lost-category"]
        assert (told["night"], told["nights_before"], told["why_not"]) == (NIGHT, 28, None)


class TestDeals:
    """The live listings that are offered well below their estimates."""

    def test_great_and_good_ones_the_furthest_below_first(self):
        deals, n_deals = choose_deals(reporting.scores())
        assert [deal["listing_id"] for deal in deals] == ["https://cars.example/2?x=1&y=2", "row:a"]
        assert n_deals == 2
        assert (deals[0]["below"], deals[0]["below_share"]) == (6_000, 0.6)
        assert [deal["is_below_interval"] for deal in deals] == [True, False]

    def test_what_is_not_known_is_none(self):
        first = choose_deals(reporting.scores())[0][0]
        assert (first["mileage_km"], first["last_price_change_share"], first["city"]) == (None, None, None)

    def test_no_more_than_a_page_holds(self):
        many = pd.concat([reporting.scores()] * MAX_DEALS, ignore_index=True)
        deals, n_deals = choose_deals(many)
        assert (len(deals), n_deals) == (MAX_DEALS, 2 * MAX_DEALS)

    def test_without_a_champion_there_are_none_though_scores_hold_some(self):
        found = make_report(sources(serving=None))["deals"]
        assert (found["deals"], found["is_priced"], found["live"], found["not_rated"]) == ([], False, 5, 0)

    def test_missing_estimates_are_no_deals(self):
        assert choose_deals(reporting.scores(estimate=np.nan)) == ([], 0)

    @pytest.mark.parametrize(
        ("listing_id", "url"),
        [
            ("https://cars.example/1", "https://cars.example/1"),
            ("advert_id:http://cars.example/1?a=b&c=d", "http://cars.example/1?a=b&c=d"),
            ("advert_id:46549094", None),
            ("row:0f-1", None),
            ("javascript:alert(1)", None),
            ("https:evil", None),
            ("https://[broken", None),
            ("https://cars.example/ <script>", None),
            ('https://cars.example/" onclick="x', None),
        ],
    )
    def test_only_web_addresses_are_links(self, listing_id, url):
        assert find_url(listing_id) == url


class TestIntake:
    """What came in."""

    def test_the_most_frequent_reasons_come_first_with_an_example(self):
        reasons = make_report(sources())["intake"]["reasons"]
        assert reasons["most"] == [
            {"name": "year below 1920", "n": 15, "example": "2024-02-10.csv row 7: '1066'"},
            {"name": "price missing", "n": 4, "example": None},
        ]

    def test_reasons_that_are_left_out_are_counted(self):
        reasons = {f"reason {number:02}": 2 for number in range(25)}
        found = make_report(sources(intake=reporting.intake(reasons=reasons)))["intake"]["reasons"]
        assert (len(found["most"]), found["n_more"], found["count_more"]) == (20, 5, 10)

    def test_the_last_of_many_deliveries_are_listed(self):
        (delivery,) = reporting.intake()["deliveries"].values()
        deliveries = {f"{number:03}.csv": delivery for number in range(MAX_DELIVERIES + 5)}
        found = make_report(sources(intake=reporting.intake(deliveries=deliveries)))["intake"]
        assert (found["n_deliveries"], found["deliveries"][0]["delivery"]) == (MAX_DELIVERIES + 5, "005.csv")

    def test_an_account_from_before_examples_is_told(self):
        account = {name: value for name, value in reporting.intake().items() if name not in ("examples", "remedies")}
        assert make_report(sources(intake=account))["intake"]["remedies"] == []


class TestRebuilt:
    """What was built and what was reused."""

    def test_results_of_one_family_and_fate_fold_into_a_line(self):
        many = [
            {
                "name": f"Ingest m/{number}",
                "family": "Ingest",
                "outcome": "reused" if number else "built",
                "reasons": ["first run"],
            }
            for number in range(6)
        ]
        assert fold_rebuilt(many) == {
            "n": 6,
            "built": 1,
            "reused": 5,
            "lines": [
                {"family": "Ingest", "outcome": "built", "reasons": ["first run"], "n": 1, "names": ["Ingest m/0"]},
                {"family": "Ingest", "outcome": "reused", "reasons": [], "n": 5, "names": ["Ingest m/1", "Ingest m/5"]},
            ],
        }

    def test_different_reasons_stay_apart(self):
        two = [{"name": name, "family": "Ingest", "outcome": "built", "reasons": [name]} for name in "ab"]
        assert len(fold_rebuilt(two)["lines"]) == 2


def test_a_contender_is_told_without_its_folder_and_with_a_short_fingerprint():
    told = make_report(replace(sources(), serving={**CHALLENGER, "promoted_on": "2024-02-01"}))["serving"]
    assert told == {
        "version": "7",
        "fingerprint": "c" * 16,
        "data_as_of": NIGHT,
        "n_learnt": 500,
        "trained_until": "2024-01-31",
        "promoted_on": "2024-02-01",
    }
