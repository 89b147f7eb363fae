"""What holds for every set of listings, dated or not: nothing that judges a model was learnt from."""

import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.errors import TooFewListings
from pipeline.stages.split import BY_FIRST_APPEARANCE, Parts, split_listings

NIGHTS = ("2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04")
DATED = (NIGHTS, NIGHTS[:2])
UNDATED = ((None,), (*NIGHTS, None), NIGHTS[:1])
shares = st.sampled_from((0.1, 0.2, 0.4))
few = settings(max_examples=30)  # frames are slow to make


@st.composite
def listing_sets(draw: st.DrawFn, nights: tuple[tuple[str | None, ...], ...] = (*DATED, *UNDATED)) -> pd.DataFrame:
    """Draw up to 400 listings, several of them twins, each first seen on one of a few nights."""
    known = draw(st.sampled_from(nights))
    random = draw(st.randoms(use_true_random=False))
    count = draw(st.integers(60, 400))
    groups = max(1, count // draw(st.integers(1, 3)))
    rows = [(f"listing-{number}", f"group-{random.randrange(groups)}", random.choice(known)) for number in range(count)]
    return pd.DataFrame(rows, columns=["listing_id", "group_id", "first_seen_on"], dtype="str")


def split(listings: pd.DataFrame, test_share: float) -> Parts:
    """Split, or give the example up where it is too small."""
    try:
        return split_listings(listings, test_share, min_judged=10)
    except TooFewListings:
        assume(False)
        raise


def members(parts: Parts) -> dict[str, set[str]]:
    return {name: set(getattr(parts, name)["listing_id"]) for name in ("train", "test")}


@few
@given(listing_sets(), shares)
def test_no_group_crosses_parts(listings, test_share):
    parts = split(listings, test_share)
    groups = [set(part["group_id"]) for part in (parts.train, parts.test)]
    assert sum(map(len, groups)) == len(set().union(*groups)) == listings["group_id"].nunique()


@few
@given(listing_sets(), shares)
def test_every_listing_is_in_exactly_one_part_as_it_was(listings, test_share):
    parts = split(listings, test_share)
    together = pd.concat([parts.train, parts.test]).sort_values("listing_id", ignore_index=True)
    pd.testing.assert_frame_equal(together, listings.sort_values("listing_id", ignore_index=True))
    assert [parts.account[f"n_{name}"] for name in ("train", "test")] == [len(part) for part in (parts.train, parts.test)]


@few
@given(listing_sets(), shares, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(listings, test_share, random):
    order = list(range(len(listings)))
    random.shuffle(order)
    plain = split(listings, test_share)
    shuffled = split(listings.iloc[order], test_share)
    assert members(shuffled) == members(plain)
    assert shuffled.account == plain.account


@few
@given(listing_sets(), shares)
def test_splitting_twice_gives_the_same(listings, test_share):
    first, second = (split(listings, test_share) for _ in range(2))
    for name in ("train", "test"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name))
    assert first.account == second.account


@few
@given(listing_sets(DATED), shares)
def test_where_dates_split_all_that_judges_appeared_later(listings, test_share):
    parts = split(listings, test_share)
    assume(parts.account["split"] == BY_FIRST_APPEARANCE)  # a few draws hold too few groups of the last night
    appeared = listings.groupby("group_id")["first_seen_on"].min()
    learnt = parts.train["group_id"].map(appeared)
    assert learnt.max() == parts.account["trained_until"] < parts.test["group_id"].map(appeared).min()
    assert parts.test["group_id"].nunique() >= test_share * listings["group_id"].nunique()


@few
@given(listing_sets(((None,),)), shares, st.tuples(*[st.integers(0, 40)] * 5).filter(any))
def test_other_cars_of_any_night_do_not_move_an_undated_listing(listings, test_share, counts):
    nights = [night for night, count in zip((*NIGHTS, None), counts, strict=True) for _ in range(count)]
    rows = [(f"joining-{number}", f"joining-{number}", night) for number, night in enumerate(nights)]
    joining = pd.DataFrame(rows, columns=list(listings.columns), dtype="str")
    before = members(split(listings, test_share))
    after = members(split(pd.concat([listings, joining], ignore_index=True), test_share))
    assert all(names <= after[name] for name, names in before.items())


@few
@given(listing_sets(DATED), shares)
def test_no_more_nights_judge_than_the_share_asked_for_needs(listings, test_share):
    parts = split(listings, test_share)
    assume(parts.account["split"] == BY_FIRST_APPEARANCE)
    appeared = listings.groupby("group_id")["first_seen_on"].min()
    judging = appeared[appeared > parts.account["trained_until"]]
    assert (judging > judging.min()).sum() < max(test_share * len(appeared), 10)
