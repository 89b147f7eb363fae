"""What holds for every delivery, however messy its cells."""

import json

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.market import Column
from pipeline.stages.ingest import Intake, ingest_rows
from tests.drawing import market_of

MARKET = market_of(
    price=Column(headers=("price",), limits=(100, 50_000)),
    mileage_km=Column(headers=("km",), parser="range", unit="mile", limits=(0, 1_000_000)),
    fuel=Column(headers=("fuel",), values={"Essence": "petrol", "Diesel": "diesel"}),
    first_owner=Column(headers=("first",), values={"Oui": True, "Non": False}),
    advert_id=Column(headers=("link",), pattern=r"_(\d+)\.htm$"),
    posted_on=Column(headers=("posted",), date_format="%m/%d/%y"),
)
UNDATED = market_of(color=Column(headers=("color",)))
# Good cells and bad ones, so that rows of every fate occur; "junk" is a column that the market does not know.
CELLS = {
    "price": ("9000", "9,000", "", "1", "call me", "£ 8 500"),
    "make": ("Audi", " VW ", "", "\u00a0"),
    "model": ("A4", "Golf", ""),
    "year": ("2015", "2010.0", "new", ""),
    "km": ("5 000 - 9 999", "7500", "9 - 5", "", "99 999 999"),
    "fuel": ("Essence", "DIESEL", "GPL", ""),
    "first": ("Oui", "non", "perhaps"),
    "link": ("/a_1.htm", "/b_2.htm", "/about", ""),
    "posted": ("6/23/18", "23/6/18", ""),
    "junk": ("x", "\x1f", '"', "None"),
}
records = st.fixed_dictionaries({name: st.sampled_from(cells) | st.text(max_size=4) for name, cells in CELLS.items()})
tables = st.lists(records, max_size=8)
few = settings(max_examples=40)  # frames are slow to make


def frame_of(rows: list[dict[str, str]], unreadable: int = 0) -> pd.DataFrame:
    index = pd.RangeIndex(unreadable + 1, unreadable + len(rows) + 1, name="row")
    return pd.DataFrame(rows, columns=list(CELLS), index=index, dtype="str")


def ingest_all(rows: list[dict[str, str]], unreadable: int = 0) -> Intake:
    """Ingest rows after so many that have another width."""
    return ingest_rows(frame_of(rows, unreadable), [(number, "a,b") for number in range(1, unreadable + 1)], MARKET, {})


@few
@given(tables, st.integers(0, 3))
def test_no_row_is_lost_and_none_is_counted_twice(rows, unreadable):
    intake = ingest_all(rows, unreadable)
    account = intake.account
    assert account["rows"] == len(rows) + unreadable == account["accepted"] + account["rejected"] + account["unreadable"]
    numbers = [*intake.accepted["row"], *intake.rejected["row"]]
    assert sorted(numbers) == list(range(1, len(rows) + unreadable + 1))
    assert account["unreadable"] == unreadable


@few
@given(tables)
def test_a_rejected_row_holds_every_raw_cell_and_every_reason(rows):
    intake = ingest_all(rows)
    for rejection in intake.rejected.itertuples():
        assert json.loads(rejection.record) == rows[rejection.row - 1]
        assert len(rejection.reasons) == len(rejection.details) == len(set(rejection.reasons)) > 0


@few
@given(tables)
def test_the_reasons_of_all_rows_add_up_in_the_account(rows):
    intake = ingest_all(rows)
    counts = pd.Series([reason for reasons in intake.rejected["reasons"] for reason in reasons], dtype="str").value_counts()
    assert intake.account["reasons"] == counts.to_dict()


@few
@given(tables)
def test_an_accepted_row_keeps_every_promise(rows):
    accepted = ingest_all(rows).accepted
    assert accepted[["price", "make", "model", "year", "listing_id", "twin_id"]].notna().all(axis=None)
    assert accepted["price"].between(100, 50_000).all()
    ranged = accepted.dropna(subset="mileage_km")
    assert (ranged["mileage_low_km"] <= ranged["mileage_km"]).all()
    assert (ranged["mileage_km"] <= ranged["mileage_high_km"]).all()
    assert set(accepted["fuel"].dropna()) <= {"petrol", "diesel"}


@few
@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_identity(rows, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    columns = ["listing_id", "twin_id"]
    plain = ingest_all(rows).accepted.set_index("row")[columns]
    shuffled = ingest_all([rows[place] for place in order]).accepted
    shuffled = shuffled.set_axis([order[row - 1] + 1 for row in shuffled["row"]])[columns].sort_index()
    assert shuffled.to_dict("index") == plain.to_dict("index")


@settings(max_examples=15)
@given(tables)
def test_a_row_means_the_same_alone_as_among_others(rows):
    together = ingest_all(rows).accepted.set_index("row")
    for place, row in enumerate(rows, start=1):
        alone = ingest_all([row]).accepted
        assert len(alone) == int(place in together.index)
        if len(alone):
            pd.testing.assert_series_equal(alone.set_index("row").loc[1], together.loc[place], check_names=False)


@few
@given(st.lists(st.tuples(*[st.sampled_from(("a", "b", ""))] * 3), min_size=1, max_size=8))
def test_rows_have_one_identity_exactly_when_they_are_equal(triples):
    rows = [
        {"make": make or "?", "model": model or "?", "color": color, "year": "2015", "price": "9"}
        for make, model, color in triples
    ]
    frame = pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="row"), dtype="str")
    accepted = ingest_rows(frame, [], UNDATED, {}).accepted
    known = [(row["make"], row["model"], row["color"]) for row in rows]
    for column in ("listing_id", "twin_id"):
        assert len(set(zip(known, accepted[column], strict=True))) == len(set(known)) == accepted[column].nunique()


@few
@given(st.data(), tables)
def test_blanks_around_cells_change_nothing(data, rows):
    blanks = st.sampled_from(("", " ", "\u00a0", "\t "))
    # The advert's link is searched by a pattern of the market, which may well mean blanks.
    padded = [
        {name: cell if name == "link" else data.draw(blanks) + cell + data.draw(blanks) for name, cell in row.items()}
        for row in rows
    ]
    plain, blank = ingest_all(rows), ingest_all(padded)
    pd.testing.assert_frame_equal(plain.accepted, blank.accepted)
    assert plain.account == blank.account


@given(records, st.integers(-(10**9), 10**9) | st.sampled_from((99, 100, 50_000, 50_001)))
def test_a_good_row_is_accepted_exactly_when_its_price_is_within_the_limits(row, price):
    good = {**row, "make": "Audi", "model": "A4", "year": "2015", "km": "7500", "price": str(price)}
    intake = ingest_all([good])
    expected = [["price below 100"]] if price < 100 else [["price above 50,000"]] if price > 50_000 else []
    assert [list(reasons) for reasons in intake.rejected["reasons"]] == expected
    assert len(intake.accepted) == 1 - len(expected)


@few
@given(records, st.integers(100, 50_000), st.sampled_from(("/a_1.htm", "/about", "")))
def test_another_price_is_the_same_listing_with_an_adverts_id_and_a_twin_without(row, price, link):
    good = {**row, "make": "Audi", "model": "A4", "year": "2015", "km": "7500", "link": link}
    other = price + 1 if price < 50_000 else price - 1
    accepted = ingest_all([{**good, "price": str(price)}, {**good, "price": str(other)}]).accepted
    assert accepted["listing_id"].nunique() == (1 if link == "/a_1.htm" else 2)
    assert accepted["twin_id"].nunique() == 1
