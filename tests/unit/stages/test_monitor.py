"""What Monitor finds of a disturbed night, and that it finds nothing of a quiet one."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from pipeline.stages import findings
from pipeline.stages.arrivals import expect_cars
from pipeline.stages.monitor import monitor_night
from pipeline.stages.noise import MIN_PAST
from tests import monitoring
from tests.monitoring import NIGHTS, Change, Sources, night_of, sources

LAST = f"{night_of(NIGHTS - 1)}.csv"


def found(told: Sources) -> set[tuple[str, str]]:
    return {(finding["kind"], finding["subject"]) for finding in monitor_night(told)["findings"]}


def text_of(told: Sources, kind: str) -> str:
    (text,) = [finding["text"] for finding in monitor_night(told)["findings"] if finding["kind"] == kind]
    return text


def put(name: str, value: object, share: float = 1.0) -> Change:
    """Write a value into a column of the first cars, as many as the share says."""

    def change(cars: pd.DataFrame) -> pd.DataFrame:
        return cars.assign(**{name: cars[name].mask(cars.index < share * len(cars), value)})

    return change


def multiply(name: str, factor: float) -> Change:
    return lambda cars: cars.assign(**{name: cars[name] * factor})


def leave_out(make: str) -> Change:
    return lambda cars: cars[cars["make"] != make].reset_index(drop=True)


class TestQuietNight:
    """A night like those before it."""

    @pytest.mark.parametrize("nights", [MIN_PAST + 1, 2 * MIN_PAST, NIGHTS])
    def test_nothing_is_found(self, nights):
        assert found(sources(nights=nights)) == set()

    def test_it_is_plain_and_the_same_twice(self):
        first, again = (
            json.dumps(
                monitor_night(sources(judged=monitoring.judged(), estimates=monitoring.draw_estimates())),
                sort_keys=True,
                allow_nan=False,
            )
            for _ in range(2)
        )
        assert first == again

    def test_what_was_measured_stands_beside_its_noise_floor(self):
        told = monitor_night(sources())
        assert told["compared"] == {
            "night": night_of(NIGHTS - 1),
            "nights_before": NIGHTS - 1,
            "since": night_of(0),
            "why_not": None,
            "why_no_champion": None,
        }
        assert set(told["drift"]) == set(monitoring.FEATURES)
        assert all(measured["psi"] < measured["noise_floor"] for measured in told["drift"].values())
        assert told["volume"]["low"] < told["volume"]["cars"] < told["volume"]["high"]


class TestNothingToCompare:
    """Markets without dates, or with too few nights."""

    def test_undated_deliveries_have_no_age_and_are_never_stale(self):
        names = sources().nights
        told = monitor_night(replace(sources(), newest_delivery="", nights=dict.fromkeys(names, "")))
        assert told["compared"]["why_not"] == "the deliveries bear no dates, so no night can be compared with another"
        assert (told["freshness"]["newest_delivery"], told["freshness"]["delivery_age_days"]) == ("", None)
        assert told["findings"] == []

    def test_few_nights_say_so(self):
        told = monitor_night(sources(multiply("price", 10), nights=MIN_PAST))
        assert (
            told["compared"]["why_not"]
            == f"{MIN_PAST} of the newest nights have rows; {MIN_PAST + 1} are needed to compare one with the others"
        )
        assert (told["drift"], told["findings"]) == (None, [])


class TestFreshness:
    """How old things are on the night."""

    @pytest.mark.parametrize(
        ("days", "kinds"),
        [(0, set()), (7, set()), (8, {findings.STALE_DELIVERY}), (31, {findings.STALE_DELIVERY, findings.STALE_CHAMPION})],
    )
    def test_deliveries_and_prices_grow_stale(self, days, kinds):
        night = (monitoring.FIRST + pd.Timedelta(days=NIGHTS - 1 + days)).isoformat()
        assert {kind for kind, _ in found(sources(night=night))} == kinds

    def test_ages_are_those_on_the_night(self):
        told = monitor_night(sources(night="2024-01-20"))["freshness"]
        assert [told[f"{name}_age_days"] for name in ("delivery", "trained", "promoted", "prices")] == [5, 5, 10, 10]

    def test_what_is_later_than_the_night_is_not_old(self):
        assert monitor_night(sources(night="2024-01-01"))["freshness"]["prices_age_days"] == 0

    def test_a_market_without_champion_says_that_nothing_is_priced(self):
        assert found(sources(serving=None)) == {(findings.NO_CHAMPION, "")}

    def test_a_delivery_without_cars_is_told_with_its_reason_until_there_is_a_newer_one(self):
        empty = {f"{night_of(NIGHTS)}.csv": monitoring.empty_account(), f"{night_of(3)}-b.csv": monitoring.empty_account()}
        plain = sources()
        told = replace(
            plain,
            night=night_of(NIGHTS + 2),
            accounts=plain.accounts | empty,
            nights=plain.nights | {name: name[:10] for name in empty},
        )
        assert found(told) == {(findings.EMPTY_DELIVERY, "")}
        assert text_of(told, findings.EMPTY_DELIVERY) == (
            f"{night_of(NIGHTS)}.csv gave no cars. {night_of(NIGHTS)}.csv: it holds a header and no rows."
        )
        assert monitor_night(told)["compared"]["night"] == night_of(NIGHTS - 1)


@pytest.mark.parametrize(
    ("change", "newest", "expected"),
    [
        pytest.param(lambda cars: cars.iloc[::2], {}, {(findings.VOLUME, "")}, id="half the cars"),
        pytest.param(None, {"rejected": 80, "reasons": {"price missing": 80}}, {(findings.REJECTED, "price missing")}, id="rejected for one reason"),
        pytest.param(None, {"unreadable": 80}, {(findings.REJECTED, "")}, id="unreadable"),
        pytest.param(None, {"rehomed": {"gearbox → fuel": 200}}, {(findings.MOVED_VALUES, "")}, id="values slid"),
        pytest.param(None, {"dropped_values": {"fuel unreadable": 60}}, {(findings.LOST_VALUES, "fuel")}, id="values unreadable"),
        pytest.param(put("fuel", None), {}, {(findings.EMPTIED_COLUMN, "fuel")}, id="column emptied"),
        pytest.param(put("mileage_km", None, 0.2), {}, {(findings.EMPTIED_COLUMN, "mileage_km")}, id="column emptied in part"),
        pytest.param(put("fuel", None), {"columns_absent": ["fuel"], "columns_unused": ["energy", "link"]}, {(findings.ABSENT_COLUMN, "fuel"), (findings.UNKNOWN_HEADER, "energy")}, id="column renamed"),
        pytest.param(multiply("price", 10), {}, {(findings.DRIFT, "price")}, id="prices times ten"),
        pytest.param(multiply("mileage_km", 1.609), {}, {(findings.DRIFT, "mileage_km")}, id="mileage in another unit"),
        pytest.param(put("make", "Ford", 0.2), {}, {(findings.DRIFT, "make")}, id="mixture moved"),
        pytest.param(lambda cars: cars.replace({"make": {"Lada": "LADA"}}), {}, {(kind, "make") for kind in (findings.LOST_CATEGORY, findings.NEW_CATEGORY, findings.DRIFT)}, id="make spelt anew"),
    ],
)  # fmt: skip
def test_a_disturbed_night_gives_exactly(change, newest, expected):
    assert found(sources(change, newest=newest)) == expected


def test_a_vanished_make_is_told_with_what_is_usual():
    told = sources(leave_out("Fiat"))
    assert {(findings.LOST_CATEGORY, "make"), (findings.DRIFT, "make")} <= found(told)
    assert text_of(told, findings.LOST_CATEGORY).startswith("None of the newest night's cars has the make Fiat (usual are ")


def test_less_of_a_fault_is_no_finding():
    newest = {"rejected": 0, "reasons": {}, "rehomed": {}, "dropped_values": {}}
    assert found(sources(put("vin", "V1"), newest=newest)) == set()


def test_a_fault_of_an_earlier_night_does_not_hide_the_next_one():
    plain = sources(multiply("price", 10))
    earlier = f"{night_of(NIGHTS - 4)}.csv"
    cars = multiply("price", 10)(plain.accepted[earlier])
    assert found(replace(plain, accepted=plain.accepted | {earlier: cars})) == {(findings.DRIFT, "price")}


def test_an_incident_has_one_name_on_all_its_nights():
    one, other = (
        sources(change, nights=nights) for change, nights in ((multiply("price", 10), NIGHTS), (multiply("price", 8), NIGHTS - 1))
    )
    assert found(one) == found(other)
    assert text_of(one, findings.DRIFT) != text_of(other, findings.DRIFT)


def test_two_files_of_a_night_are_one_night():
    plain = sources()
    halves = {f"{LAST[:10]}-{part}.csv": plain.accepted[LAST].iloc[part::2].reset_index(drop=True) for part in (0, 1)}
    told = replace(
        plain,
        accepted={name: cars for name, cars in plain.accepted.items() if name != LAST} | halves,
        accounts={name: account for name, account in plain.accounts.items() if name != LAST}
        | {name: monitoring.account(cars) for name, cars in halves.items()},
        nights=plain.nights | {name: name[:10] for name in halves},
    )
    assert monitor_night(told)["volume"]["cars"] == monitoring.CARS
    assert found(told) == set()


def test_a_weekday_that_differs_is_compared_with_itself():
    weekdays = [place % 7 for place in range(28)]
    cars = [150 if weekday == 6 else 300 + place % 3 for place, weekday in enumerate(weekdays)]
    assert expect_cars(cars, weekdays, 27) == (pytest.approx(150, rel=0.02), True)
    assert expect_cars(cars, weekdays, 26) == (pytest.approx(301, rel=0.02), False)


class TestChampion:
    """How the champion before tonight's verdict fares with what is new."""

    def measure(self, **estimates: float) -> dict:
        return monitor_night(sources(judged=monitoring.judged(), estimates=monitoring.draw_estimates(**estimates)))

    def test_it_fares_as_it_was_judged(self):
        told = self.measure()
        assert told["findings"] == []
        assert (told["champion"]["version"], told["champion"]["n"]) == ("3", monitoring.NEW)

    def test_larger_errors_on_new_adverts_are_found(self):
        kinds = [finding["kind"] for finding in self.measure(new_error=0.5)["findings"]]
        assert kinds == [findings.CHAMPION_ERROR, findings.CHAMPION_COVERAGE]

    def test_errors_as_large_on_every_night_are_the_markets_own(self):
        told = self.measure(error=0.12, width=0.3)
        assert told["champion"]["errors"]["deviation"] > 0.1
        assert told["findings"] == []

    def test_few_new_adverts_say_nothing(self):
        estimates = monitoring.draw_estimates(new_error=0.5)
        is_new = estimates["first_seen_on"] == night_of(NIGHTS - 1)
        few = pd.concat([estimates[~is_new], estimates[is_new].head(5)])
        told = monitor_night(sources(judged=monitoring.judged(), estimates=few))
        assert (told["champion"]["n"], told["champion"]["new"], told["findings"]) == (5, None, [])
        assert findings.CHAMPION_ERROR not in told["judged"]

    def test_estimates_that_moved_are_found(self):
        estimates = monitoring.draw_estimates()
        raised = estimates.assign(estimate=estimates["estimate"] * (1 + 2 * (estimates["first_seen_on"] > night_of(NIGHTS - 6))))
        kinds = {finding["kind"] for finding in monitor_night(sources(judged=monitoring.judged(), estimates=raised))["findings"]}
        assert findings.ESTIMATES_DRIFT in kinds

    def test_without_a_champion_before_it_says_so(self):
        told = monitor_night(sources(why_not_judged="there was no champion before tonight's verdict"))
        assert (told["champion"], told["estimates"]) == (None, None)
        assert told["compared"]["why_no_champion"] == "there was no champion before tonight's verdict"


class TestJudged:
    """Of which kinds it is known tonight whether they are found."""

    def test_all_where_all_can_be_compared(self):
        told = monitor_night(sources(judged=monitoring.judged(), estimates=monitoring.draw_estimates()))
        assert set(told["judged"]) == set(findings.KINDS)

    def test_none_of_the_champion_without_one(self):
        judged = set(monitor_night(sources())["judged"])
        assert set(findings.KINDS) - judged == {findings.ESTIMATES_DRIFT, findings.CHAMPION_ERROR, findings.CHAMPION_COVERAGE}

    def test_ages_alone_where_nothing_can_be_compared(self):
        judged = set(monitor_night(sources(nights=MIN_PAST))["judged"])
        assert judged == {findings.NO_CHAMPION, findings.STALE_CHAMPION, findings.STALE_DELIVERY, findings.EMPTY_DELIVERY}


@pytest.mark.parametrize("kind", findings.KINDS)
def test_every_kind_says_what_it_means_and_what_to_do(kind):
    finding = findings.make_finding(kind, "fuel", "…")
    assert finding["means"].endswith(".")
    assert finding["do"].endswith(".")
    assert "{}" not in finding["means"] + finding["do"]
