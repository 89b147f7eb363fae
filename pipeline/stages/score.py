"""Score: say of every live listing what it is worth, where its price stands, and how that is rated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline.listing import NOT_RATED, RATINGS

# Where a standing passes from one step to the next. The sites of the trade compare a price with their estimate in percent of it; here the
# interval is the measure, because 10 % below means much for a common car and nothing for a rare one. With normal errors
# and intervals at 90 % a standing of 0.6 is one standard deviation: one price in six is great, one very high, one in three fair.
BOUNDS = (-0.6, -0.25, 0.25, 0.6)
# How far a standing must leave its former band before the rating follows: measured, see docs/decisions/0012. As wide as half of fair, so that
# no car asked above its estimate is still called good, and no rating is ever two steps behind.
MARGIN = 0.25
# Fewer other cars of the make and model, and the estimate is drawn from cars unlike this one.
MIN_LIKE_IT = 8
# An interval that reaches from less than half to more than double the estimate says too little for five steps.
MAX_FACTOR = 2.0
# An estimate so many times what cars of the make, model and about the year are asked for, or so small a part of it, is doubted where the price
# asked for the car itself sides with them: two witnesses against one. A few adverts with a digit too many teach a small model such
# things; measured, see docs/decisions/0012.
MAX_APART = 1.75
_MIN_TYPICAL = 3  # fewer such cars, and nobody knows what is typical
# What has a rating keeps it a little beyond these limits, or it would come and go with them.
LIKE_IT_SLACK = 2
FACTOR_SLACK = 0.2
APART_SLACK = 0.25

_UNPRICED = {"status": "refused", "reason": "there is no champion, so nothing may price"}
_EDGES = np.array([-np.inf, *BOUNDS, np.inf])
_CAR = ["make", "model", "group_id"]
_NARROWEST = 1e-9  # half-width in log that stands for none, so that nothing is divided by zero


@dataclass(frozen=True)
class Scored:
    """`scores`: one row per live listing, sorted by `listing_id`; `account`: counts of them, and how much changed since the night before."""

    scores: pd.DataFrame
    account: dict[str, Any]


def select_live(listings: pd.DataFrame, delivered: str) -> pd.DataFrame:
    """Return the listings that are still advertised: seen on the newest night that has any.

    `delivered` is the night of the newest delivery, "" in a market without dated deliveries, whose listings all count as live: an
    advert's own date says when it was written, not when it was last there.
    """
    seen_on: pd.Series[str] = listings["last_seen_on"]
    nights = seen_on[seen_on <= delivered]  # the newest delivery may have given no listing
    is_live = seen_on >= nights.max() if len(nights) else pd.Series(data=True, index=listings.index)
    return pd.DataFrame(listings[is_live]).reset_index(drop=True)


def describe_like_it(listings: pd.DataFrame, learnt: pd.DataFrame) -> pd.DataFrame:
    """Return for each listing what its champion learnt from that is like it; twins are one car, and a listing's own car is none.

    Columns: n_like_it, the number of cars of its make and model; typical_price (money), the median of those among them that are at most a year
    older or newer, missing where there are fewer than three. `learnt` has make, model, year, price and group_id.
    """
    cars = learnt.drop_duplicates(["make", "model", "group_id"])
    is_own = pd.MultiIndex.from_frame(listings[_CAR]).isin(pd.MultiIndex.from_frame(cars[_CAR]))
    counts = cars.groupby(["make", "model"]).size().rename("n").reset_index()
    around = pd.concat([cars.assign(year=cars["year"] + years) for years in (-1, 0, 1)])
    typical = around.groupby(["make", "model", "year"])["price"].agg(["size", "median"]).reset_index()
    n_like_it = listings[["make", "model"]].merge(counts, on=["make", "model"], how="left")["n"].fillna(0)
    near = listings[["make", "model", "year"]].merge(typical, on=["make", "model", "year"], how="left")
    return pd.DataFrame(
        {
            "n_like_it": (n_like_it.to_numpy() - is_own).astype("int64"),
            # An own car counts for nothing, but has its part in the median: it then sides with itself, and the doubt comes a little sooner.
            "typical_price": near["median"].where(near["size"] - is_own >= _MIN_TYPICAL).to_numpy(),
        },
        index=listings.index,
    )


def leave_unpriced(live: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return appraisals without a price, and that nothing is like it: there is no champion."""
    missing = {name: pd.Series(np.nan, index=live.index) for name in ("estimate", "low", "high")}
    words = {name: pd.Series(text, index=live.index, dtype="str") for name, text in _UNPRICED.items()}
    like_it = pd.DataFrame({"n_like_it": 0, "typical_price": np.nan}, index=live.index)
    return pd.DataFrame({**missing, **words}), like_it


def score_listings(
    live: pd.DataFrame,
    prices: pd.DataFrame,
    appraisals: pd.DataFrame,
    like_it: pd.DataFrame,
    night: str,
    before: pd.DataFrame | None,
    margin: float = MARGIN,
) -> Scored:
    """Score the live listings as of `night` ("" where there are none).

    `prices` is Clean's history, `appraisals` (estimate, low, high, status, reason) and `like_it` (`describe_like_it`) are indexed like `live`,
    `before` the scores of the night before (listing_id, price, rating). Estimates of listings that the model learnt from are to be
    out-of-fold: one that has seen the price would call it fair.

    Columns: listing_id, make, model, year, mileage_km, city (where the market has it), price, estimate, low, high (money), status, reason, position
    (price / estimate − 1), standing (−1 and 1 are the interval's ends, in log price), rating, days_listed, price_changes,
    last_price_change_share, first_price, n_like_it, typical_price. What cannot be known is missing.
    """
    names = [name for name in ("listing_id", "make", "model", "year", "mileage_km", "city", "price") if name in live]
    scores = live[names].join(appraisals[["estimate", "low", "high", "status", "reason"]])
    standing = measure_standing(scores)
    former = _align(before, scores)
    scores = scores.assign(
        position=scores["price"] / scores["estimate"] - 1,
        standing=standing,
        rating=_rate(scores, standing, like_it, former, margin),
        days_listed=_count_days(live["first_seen_on"], night),
        **_describe_prices(scores["listing_id"], prices),
        **{str(name): column for name, column in like_it.items()},
    )
    return Scored(scores.sort_values("listing_id", ignore_index=True), _count(scores, former, night))


def measure_standing(scores: pd.DataFrame) -> pd.Series:
    """Return where each price stands in its interval: log(price / estimate) by the half-width, in log, of the side it lies on."""
    distance = np.log(scores["price"] / scores["estimate"])
    above, below = np.log(scores["high"] / scores["estimate"]), np.log(scores["estimate"] / scores["low"])
    half_widths = pd.Series(np.where(distance >= 0, above, below), index=scores.index)
    return pd.Series(distance / half_widths.clip(lower=_NARROWEST))


def _align(before: pd.DataFrame | None, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the former price and rating of each listing, missing where it had none."""
    if before is None:
        before = pd.DataFrame({"listing_id": [], "price": [], "rating": []}).astype({"listing_id": "str", "rating": "str"})
    former = before.set_index("listing_id")[["price", "rating"]].reindex(scores["listing_id"])
    return former.set_axis(scores.index)


def is_doubted(scores: pd.DataFrame, typical_price: pd.Series, max_apart: float | pd.Series = MAX_APART) -> pd.Series:
    """Say where an estimate is far from what cars like it are asked for, while the asked price is nearer to that than to the estimate."""
    estimate, price, typical = (np.log(column) for column in (scores["estimate"], scores["price"], typical_price))
    is_far = (estimate - typical).abs() > np.log(max_apart)
    return pd.Series(is_far & ((price - typical).abs() < (price - estimate).abs()))


def _rate(scores: pd.DataFrame, standing: pd.Series, like_it: pd.DataFrame, former: pd.DataFrame, margin: float) -> pd.Series:
    """Rate each listing: at the price of the night before its rating stays until the standing has left its band by more than `margin`."""
    step_before = (
        former["rating"].map({name: step for step, name in enumerate(RATINGS)}).where(former["price"] == scores["price"])
    )
    had_rating = step_before.notna()
    factor = np.maximum(scores["high"] / scores["estimate"], scores["estimate"] / scores["low"])
    can_rate = (
        (scores["status"] == "priced")
        & standing.notna()
        & (like_it["n_like_it"] >= MIN_LIKE_IT - LIKE_IT_SLACK * had_rating)
        & (factor <= MAX_FACTOR + FACTOR_SLACK * had_rating)
        & ~is_doubted(scores, like_it["typical_price"], MAX_APART + APART_SLACK * had_rating)
    )
    band = step_before.fillna(0).astype("int64").to_numpy()
    is_kept = had_rating & (standing >= _EDGES[band] - margin) & (standing <= _EDGES[band + 1] + margin)
    fresh = np.searchsorted(BOUNDS, standing.fillna(0), side="right")
    names = pd.Series(np.array(RATINGS, dtype=object)[np.where(is_kept, band, fresh)], index=scores.index, dtype="str")
    return names.where(can_rate, NOT_RATED)


def _count_days(first_seen_on: pd.Series, night: str) -> pd.Series:
    if not night:
        return pd.Series(pd.NA, index=first_seen_on.index, dtype="Int64")
    days = (pd.Timestamp(night) - pd.to_datetime(first_seen_on)).dt.days
    return days.astype("Int64").clip(lower=0)  # an advert may bear a later date than the night


def _describe_prices(listing_ids: pd.Series, prices: pd.DataFrame) -> dict[str, pd.Series]:
    """Return how often each listing's price changed, the last change as a share of the price before it, and the first price."""
    grouped = prices.groupby("listing_id", sort=False)["price"]
    found = pd.DataFrame(
        {
            "price_changes": (grouped.size() - 1).astype("Int64"),
            "last_price_change_share": prices["price"]
            .div(grouped.shift())
            .sub(1)
            .groupby(prices["listing_id"], sort=False)
            .last(),
            "first_price": grouped.first(),
        }
    )
    found = found.reindex(listing_ids).set_axis(listing_ids.index)
    return {str(name): column for name, column in found.items()}


def _count(scores: pd.DataFrame, former: pd.DataFrame, night: str) -> dict[str, Any]:
    statuses, ratings = scores["status"].value_counts(), scores["rating"].value_counts()
    had_rating = former["rating"].notna()
    distances = scores["position"].abs().dropna()
    return {
        "night": night,
        "live": len(scores),
        **{status: int(statuses.get(status, 0)) for status in ("priced", "extrapolated", "refused")},
        "ratings": {name: int(ratings.get(name, 0)) for name in (*RATINGS, NOT_RATED)},
        "rating_changes": int((had_rating & (former["rating"] != scores["rating"])).sum()),
        "live_before": int(had_rating.sum()),
        "median_absolute_position": float(distances.median()) if len(distances) else None,
    }
