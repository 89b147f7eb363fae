"""What holds for every delivery, however messy its cells."""

import json

import msgspec
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.market import Column, Rule
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
    def unranked(accepted: pd.DataFrame) -> pd.DataFrame:  # the rank among prices of cars described alike needs the others
        return accepted.assign(listing_id=accepted["listing_id"].str.replace(r"^(row:.*)-\d+$", r"\1", regex=True))

    together = unranked(ingest_all(rows).accepted).set_index("row")
    for place, row in enumerate(rows, start=1):
        alone = unranked(ingest_all([row]).accepted)
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


CONDITIONS = ("new", "used", "salvage")
words_drawn = st.lists(st.sampled_from(CONDITIONS), unique=True, max_size=3).map(tuple)
bounds_drawn = st.tuples(st.integers(0, 60_000), st.integers(0, 60_000)).map(sorted).map(tuple)
rules_drawn = st.builds(
    lambda number, words, bounds: Rule(
        reason=f"rule {number}", words={"condition": words} if words else {}, between={"price": bounds} if bounds else {}
    ),
    st.integers(1, 9),
    words_drawn,
    bounds_drawn | st.just(()),
).filter(lambda rule: rule.words or rule.between)
conditioned = st.lists(
    st.fixed_dictionaries(
        {**{name: st.sampled_from(cells) for name, cells in CELLS.items()}, "condition": st.sampled_from(CONDITIONS)}
    ),
    max_size=12,
)


@few
@given(conditioned, st.lists(rules_drawn, max_size=4, unique_by=lambda rule: rule.reason), st.data())
def test_a_relaxed_rule_readmits_exactly_the_rows_that_it_alone_had_refused(rows, rules, data):
    condition = Column(headers=("condition",), values=dict(zip(CONDITIONS, CONDITIONS, strict=True)))
    market = msgspec.structs.replace(MARKET, columns={**MARKET.columns, "condition": condition}, reject=tuple(rules))
    frame = frame_of(rows).assign(
        condition=pd.Series([row["condition"] for row in rows], index=frame_of(rows).index, dtype="str")
    )
    strict = ingest_rows(frame, [], market, {})
    relaxed_rule = data.draw(st.sampled_from(rules)) if rules else None
    kept = tuple(rule for rule in rules if rule is not relaxed_rule)
    relaxed = ingest_rows(frame, [], msgspec.structs.replace(market, reject=kept), {})
    alone = {row.row for row in strict.rejected.itertuples() if relaxed_rule and list(row.reasons) == [relaxed_rule.reason]}
    assert set(relaxed.accepted["row"]) - set(strict.accepted["row"]) == alone
    both = relaxed.accepted[relaxed.accepted["row"].isin(strict.accepted["row"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(both, strict.accepted)


@few
@given(conditioned, st.tuples(st.integers(0, 20_000), st.integers(0, 20_000)))
def test_wider_limits_readmit_exactly_the_rows_that_they_alone_had_refused(rows, widened):
    price = MARKET.columns["price"]
    limits = (price.limits[0] - widened[0], price.limits[1] + widened[1])
    wider = msgspec.structs.replace(MARKET, columns={**MARKET.columns, "price": msgspec.structs.replace(price, limits=limits)})
    strict, relaxed = (ingest_rows(frame_of(rows), [], market, {}) for market in (MARKET, wider))
    outside = {f"price below {MARKET.columns['price'].limits[0]}", "price above 50,000"}
    alone = {row.row for row in strict.rejected.itertuples() if set(row.reasons) <= outside}
    readmitted = set(relaxed.accepted["row"]) - set(strict.accepted["row"])
    assert readmitted <= alone
    assert {row.row for row in relaxed.rejected.itertuples()} >= {row.row for row in strict.rejected.itertuples()} - alone
    pd.testing.assert_frame_equal(
        relaxed.accepted[relaxed.accepted["row"].isin(strict.accepted["row"])].reset_index(drop=True), strict.accepted
    )


STRAYS = ("Black", "Sedan", "Automatic", "Diesel", "Other", "0A1B2", "", "V 6", "1")
SLIDING = market_of(
    color=Column(headers=("color",), values={"Black": "black", "Other": "other"}),
    body=Column(headers=("body",), values={"Sedan": "sedan", "Other": "other"}),
    gearbox=Column(headers=("gearbox",), values={"Automatic": "automatic", "Other": "other"}),
    fuel=Column(headers=("fuel",), values={"Diesel": "diesel", "Other": "other"}),
    vin=Column(headers=("vin",), pattern="^([0-9A-F]{5})$"),
)
PLACES = ("color", "body", "gearbox", "fuel", "vin")


@few
@given(st.lists(st.tuples(*[st.sampled_from(STRAYS)] * len(PLACES)), min_size=1, max_size=8))
def test_every_cell_is_read_sent_home_lost_or_missing_and_never_twice(rows):
    frame = pd.DataFrame(rows, columns=list(PLACES), index=pd.RangeIndex(1, len(rows) + 1, name="row"), dtype="str")
    frame = frame.assign(make="Audi", model="A4", year="2015", price="9")
    intake = ingest_rows(frame, [], SLIDING, {})
    known = int(intake.accepted[list(PLACES)].notna().sum().sum())
    given_cells = sum(cell != "" for row in rows for cell in row)
    assert known + sum(intake.account["dropped_values"].values()) == given_cells
    for row, accepted in zip(rows, intake.accepted[list(PLACES)].to_dict("records"), strict=True):
        values = [value for value in accepted.values() if isinstance(value, str)]
        assert len(values) <= sum(cell != "" for cell in row)
        assert {value.casefold() for value in values} <= {cell.casefold() for cell in row}
