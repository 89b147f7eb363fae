"""What holds for all listings that are scored, night after night."""

import math

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.listing import NOT_RATED, RATINGS
from pipeline.stages import score

few = settings(max_examples=50)
ESTIMATE, FACTOR = 10_000.0, 1.5
EDGES = [float("-inf"), *score.BOUNDS, float("inf")]
standings = st.floats(-2, 2)
statuses = st.sampled_from(("priced", "extrapolated", "refused"))


@st.composite
def markets(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """Draw live listings with their appraisals and how many are like them, in any order."""
    names = draw(st.lists(st.text("abcdef", min_size=1, max_size=3), unique=True, max_size=8))
    rows = [(draw(standings), draw(statuses), draw(st.integers(0, 12))) for _ in names]
    live = pd.DataFrame(
        {
            "listing_id": pd.Series(names, dtype="str"),
            "make": "VW",
            "model": "Golf",
            "year": 2015.0,
            "mileage_km": 1.0,
            "price": pd.Series([ESTIMATE * FACTOR**standing for standing, _, _ in rows], dtype="float64"),
            "first_seen_on": pd.Series("2024-01-01", index=range(len(names)), dtype="str"),
        }
    )
    return live, _appraise(live, [status for _, status, _ in rows]), pd.Series([count for *_, count in rows], dtype="int64")


def _appraise(live: pd.DataFrame, statuses: list[str], estimate: object = ESTIMATE) -> pd.DataFrame:
    estimates = pd.Series(estimate, index=live.index, dtype="float64")
    return pd.DataFrame(
        {
            "estimate": estimates,
            "low": estimates / FACTOR,
            "high": estimates * FACTOR,
            "status": pd.Series(statuses, index=live.index, dtype="str"),
            "reason": pd.Series(None, index=live.index, dtype="str"),
        }
    )


def _score(
    live: pd.DataFrame,
    appraisals: pd.DataFrame,
    counts: pd.Series,
    before: pd.DataFrame | None = None,
    typical_price: float = math.nan,
) -> score.Scored:
    like_it = pd.DataFrame({"n_like_it": counts, "typical_price": typical_price})
    return score.score_listings(live, live[["listing_id", "price"]], appraisals, like_it, "2024-01-10", before)


@few
@given(st.lists(standings, min_size=1, max_size=8), st.floats(score.MAX_APART + 0.01, 3))
def test_no_listing_is_called_cheap_where_only_its_estimate_says_so(shares, apart):
    prices = pd.Series([ESTIMATE * FACTOR**standing for standing in shares])
    names = [f"{place:02}" for place in range(len(prices))]
    live = pd.DataFrame({"listing_id": names, "make": "VW", "model": "Golf", "price": prices, "first_seen_on": None})
    typical_price = ESTIMATE / apart
    scores = _score(
        live, _appraise(live, ["priced"] * len(live)), pd.Series(50, index=live.index), typical_price=typical_price
    ).scores
    cheap = scores[scores["rating"].isin(RATINGS[:2])]
    assert (cheap["price"] > (ESTIMATE * typical_price) ** 0.5 * 0.999).all()


@few
@given(markets(), markets())
def test_every_live_listing_is_there_once_with_one_of_six_ratings(market, former):
    scored = _score(*market, before=_score(*former).scores)
    assert scored.scores["listing_id"].tolist() == sorted(market[0]["listing_id"])
    assert set(scored.scores["rating"]) <= {*RATINGS, NOT_RATED}
    assert sum(scored.account["ratings"].values()) == scored.account["live"] == len(market[0])


@few
@given(markets())
def test_scoring_again_what_did_not_change_changes_nothing(market):
    once = _score(*market)
    again = _score(*market, before=once.scores)
    pd.testing.assert_frame_equal(once.scores, again.scores)
    assert again.account["rating_changes"] == 0


@few
@given(standings, st.lists(st.floats(-0.999, 0.999), min_size=1, max_size=6))
def test_a_standing_inside_the_margin_never_changes_a_rating(standing, shares):
    """The price stands still and the estimate moves: to each share of the way from the middle to the end of the margin."""
    live = pd.DataFrame({"listing_id": ["a"], "make": ["VW"], "model": ["Golf"], "price": [ESTIMATE], "first_seen_on": [None]})
    counts = pd.Series([50])
    first = before = _score(live, _appraise(live, ["priced"], ESTIMATE / FACTOR**standing), counts).scores
    step = RATINGS.index(first["rating"].iloc[0])
    lowest, highest = max(EDGES[step], -3) - score.MARGIN, min(EDGES[step + 1], 3) + score.MARGIN
    for share in shares:
        moved = (lowest + highest) / 2 + share * (highest - lowest) / 2
        before = _score(live, _appraise(live, ["priced"], ESTIMATE / FACTOR**moved), counts, before).scores
        assert before["rating"].tolist() == first["rating"].tolist()


@few
@given(standings, st.sampled_from(RATINGS))
def test_no_rating_is_ever_two_steps_behind(standing, former):
    live = pd.DataFrame({"listing_id": ["a"], "make": ["VW"], "model": ["Golf"], "price": [ESTIMATE], "first_seen_on": [None]})
    appraisals, counts = _appraise(live, ["priced"], ESTIMATE / FACTOR**standing), pd.Series([50])
    before = live[["listing_id", "price"]].assign(rating=former)
    shown, fresh = (_score(live, appraisals, counts, known).scores["rating"].iloc[0] for known in (before, None))
    assert abs(RATINGS.index(shown) - RATINGS.index(fresh)) <= 1
