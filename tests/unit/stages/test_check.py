"""Whether the whole intake of a market is good enough to build on."""

from typing import Any

import pytest

from pipeline.errors import DeliverySetAside, NoUsableDelivery, TooManyRejections
from pipeline.market import Demands
from pipeline.stages.check import judge_intake

DEMANDS = Demands(max_rejected_share=0.3, min_accepted_rows=10)


def account(accepted: int, rejected: int = 0, unreadable: int = 0, **more: Any) -> dict[str, Any]:
    reasons = {"price missing": rejected, "row of another width": unreadable}
    return {
        "rows": accepted + rejected + unreadable,
        "accepted": accepted,
        "rejected": rejected,
        "unreadable": unreadable,
        "reasons": {reason: count for reason, count in reasons.items() if count},
        "dropped_values": {},
        "rehomed": {},
        "examples": {},
        "remedies": [],
        "set_aside": None,
        **more,
    }


def set_aside(reason: str) -> dict[str, Any]:
    return account(0, set_aside=reason)


def test_the_accounts_of_all_deliveries_are_summed():
    first, second = (
        account(20, 3, dropped_values={"fuel unreadable": 1}),
        account(30, 2, 1, dropped_values={"fuel unreadable": 4}),
    )
    judged = judge_intake({"b.csv": second, "a.csv": first}, DEMANDS)
    assert judged == {
        "rows": 56,
        "accepted": 50,
        "rejected": 5,
        "unreadable": 1,
        "reasons": {"price missing": 5, "row of another width": 1},
        "dropped_values": {"fuel unreadable": 5},
        "rehomed": {},
        "examples": {},
        "remedies": [],
        "set_aside": {},
        "deliveries": {"a.csv": first, "b.csv": second},
    }


def test_a_delivery_set_aside_does_not_stop_the_good_ones():
    judged = judge_intake({"good.csv": account(20), "bad.csv": set_aside("the file is empty")}, DEMANDS)
    assert judged["set_aside"] == {"bad.csv": "the file is empty"}
    assert judged["deliveries"].keys() == {"bad.csv", "good.csv"}


@pytest.mark.parametrize(("accepted", "rejected", "unreadable"), [(70, 30, 0), (70, 0, 30), (700, 300, 0), (10, 0, 0)])
def test_as_many_rejections_as_allowed_pass(accepted, rejected, unreadable):
    assert judge_intake({"a.csv": account(accepted, rejected, unreadable)}, DEMANDS)["accepted"] == accepted


@pytest.mark.parametrize(("rejected", "unreadable"), [(31, 0), (0, 31), (16, 15)])
def test_one_rejection_more_stops_everything(rejected, unreadable):
    with pytest.raises(TooManyRejections):
        judge_intake({"a.csv": account(69, rejected, unreadable)}, DEMANDS)


def test_the_share_counts_over_all_deliveries():
    judged = judge_intake({"bad.csv": account(0, 20), "good.csv": account(80)}, DEMANDS)
    assert judged["rejected"] == 20


def test_too_many_rejections_are_refused_with_the_most_frequent_reasons():
    with pytest.raises(TooManyRejections) as refusal:
        judge_intake({"a.csv": account(1000, 1999, 1)}, DEMANDS)
    message = str(refusal.value)
    assert message.startswith("66.7% of 3,000 rows were rejected, more than the allowed 30.0%. Rejected: price missing: 1,999, ")
    assert "[check] max_rejected_share" in message


@pytest.mark.parametrize("accounts", [{}, {"a.csv": account(0)}, {"a.csv": account(0, 9)}, {"a.csv": account(9, 50)}])
def test_too_few_accepted_rows_are_no_usable_delivery(accounts):
    with pytest.raises(NoUsableDelivery) as refusal:
        judge_intake(accounts, DEMANDS)
    assert refusal.value.exit_code == 20


def test_no_usable_delivery_says_what_became_of_each():
    accounts = {"a.csv": account(1, 8), "b.csv": set_aside("the file is empty")}
    with pytest.raises(NoUsableDelivery) as refusal:
        judge_intake(accounts, DEMANDS)
    assert str(refusal.value) == (
        "b.csv was set aside: the file is empty. Rejected: price missing: 8. "
        "So only 1 of 9 rows could be accepted; at least 10 are needed ([check] min_accepted_rows)."
    )


def test_the_order_of_deliveries_changes_nothing():
    accounts = {"a.csv": account(20, 3), "b.csv": set_aside("empty"), "c.csv": account(30, 0, 2), "d.csv": set_aside("no table")}
    judged = [judge_intake(dict(items), DEMANDS) for items in (accounts.items(), reversed(accounts.items()))]
    assert list(judged[0].items()) == list(judged[1].items())
    assert list(judged[0]["set_aside"]) == list(judged[1]["set_aside"])


def test_a_delivery_set_aside_fails_the_run_where_the_market_says_so():
    strict = Demands(may_set_aside=False, min_accepted_rows=10)
    with pytest.raises(DeliverySetAside, match=r"1 of 2 deliveries cannot be used.*bad\.csv: the file is empty"):
        judge_intake({"good.csv": account(20), "bad.csv": set_aside("the file is empty")}, strict)


def test_the_rows_of_a_delivery_set_aside_do_not_count_among_the_rejected():
    judged = judge_intake({"good.csv": account(20), "bad.csv": account(0, 500, set_aside="none could be accepted")}, DEMANDS)
    assert (judged["rows"], judged["rejected"]) == (520, 500)


def test_each_delivery_keeps_its_own_account():
    accounts = {"b.csv": account(20, 1), "a.csv": account(30)}
    assert judge_intake(accounts, DEMANDS)["deliveries"] == accounts


EXAMPLES = {"price missing": {"row": 12, "value": "à négocier"}}
PLACES = {"a.csv": "data/ingest/aa/rejected.parquet", "b.csv": "data/ingest/bb/rejected.parquet"}


def test_too_many_rejections_are_told_with_file_row_value_remedy_and_the_place_of_the_rows():
    accounts = {
        "b.csv": account(20, 9, examples={"price missing": {"row": 1, "value": "later"}}),
        "a.csv": account(20, 80, examples=EXAMPLES, remedies=["say [rows] decimal_mark = ','"]),
    }
    with pytest.raises(TooManyRejections) as refusal:
        judge_intake(accounts, DEMANDS, PLACES)
    assert (
        "Rejected: price missing: 89 (a.csv row 12: 'à négocier'). The rejected rows of a.csv are in data/ingest/aa/rejected.parquet. Mend"
        in str(refusal.value)
    )
    assert str(refusal.value).endswith("[check] max_rejected_share; or say [rows] decimal_mark = ','.")


def test_too_few_rows_are_told_with_an_example_and_the_place_of_the_rows():
    with pytest.raises(
        NoUsableDelivery, match=r"Rejected: price missing: 8 \(a\.csv row 12: 'à négocier'\)\. The rejected rows of a\.csv are in"
    ):
        judge_intake({"a.csv": account(1, 8, examples=EXAMPLES)}, DEMANDS, PLACES)


def test_of_many_deliveries_set_aside_the_first_are_named_and_the_others_counted():
    accounts = {f"{number:02d}.csv": set_aside("the file is empty") for number in range(84)}
    with pytest.raises(NoUsableDelivery, match=r"04\.csv was set aside: the file is empty\. So were 79 more\. So only 0 of 0"):
        judge_intake(accounts, DEMANDS)
