"""Domain: which cars a model may price, judged by the listings it learnt from, and the reasons why not the others."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pipeline.valuation.features import FeatureChoice

Rounding = Literal["lower", "higher"]

PRICED, EXTRAPOLATED, REFUSED = "priced", "extrapolated", "refused"

# The thresholds were measured on avito_ma, craigslist_us, kijiji_ca and uk, three splits each. "Error" is the median
# share of the price, as a multiple of the market's; "held" is the share of prices in an interval that holds 90 % of
# the market's. The whole tables are in docs/decisions/0011-domain.md.

# 1–3 listings: error 1.5–7.7, held 13–82 %; 8–10: 1.0–3.5, 31–92 %; 11–12: 0.7–1.2, 81–96 %, and about so from there.
MIN_LISTINGS_OF_MODEL = 11
# A year after the newest: error 0.9–2.0, held 63–94 %, 5–14 % too low; two years: 1.3–3.8, 29–86 %, 18–24 % too low.
MAX_YEARS_AFTER_NEWEST = 1
# Up to two years before the oldest: held 31–81 %; the third: 10–65 %; the fourth and fifth: 2–66 %.
MAX_YEARS_BEFORE_OLDEST = 2
# 60,000–80,000 km a year: error 0.5–1.3; more (23 cars of craigslist_us): 1.7–2.6, held 78 %, and thrice the money.
MAX_KM_PER_YEAR = 80_000
# The share of a model's listings up to which a number counts as seen of it: the lowest and the highest.
SEEN_SHARES: dict[str, tuple[float, float]] = {
    # Before the first percentile: error 1.7–4.3, held 31–79 % (avito_ma: 0.7–0.9); one past the newest: 0.4–0.9.
    "year": (0.01, 1),
    # Beyond the 99th percentile: error 1.8–2.5, held 56–69 % on craigslist_us and uk; on kijiji_ca 1.7, held 81 % beyond
    # the greatest; avito_ma: no rise. Below the first it is at most 1.4, so little mileage is not held against a car.
    "mileage_km": (0, 0.99),
    # Beyond all that was seen: error 1.5–4.2, held 25–73 %; short of it 1.0–1.8; within the outer percentiles 0.9–2.6.
    "power_hp": (0, 1),
    "fiscal_power_cv": (0, 1),
    "engine_l": (0, 1),
    "cylinders": (0, 1),
}

_NAMES = {
    "mileage_km": ("mileage", " km"),
    "power_hp": ("power", " hp"),
    "fiscal_power_cv": ("fiscal power", " CV"),
    "engine_l": ("engine", " l"),
    "cylinders": ("cylinders", ""),
}
_SEPARATOR = "\x1f"  # between make and model: a control character, which no name holds
_MIN_LIKENESS = 0.6  # of a known name to be the one that was meant: Volkswagon has 0.9, Lada and Dacia 0.44


@dataclass(frozen=True)
class Domain:
    """What was seen: makes and their models, how many listings of each, and the bounds of their numbers.

    `counts` (models), and `lows`, `highs` and `has_own_bounds` (models × numbers) follow the order of `models` and
    `numbers`. Where a model has too few listings that say a number, its bounds are the market's.
    """

    models: dict[str, list[str]]
    counts: np.ndarray
    numbers: list[str]
    lows: np.ndarray
    highs: np.ndarray
    has_own_bounds: np.ndarray
    oldest_year: float
    newest_year: float


@dataclass(frozen=True)
class _Finding:
    """What is held against some of the cars: their positions, and a reason for each."""

    status: str
    positions: pd.Index
    reasons: list[str]


def learn_domain(listings: pd.DataFrame, choice: FeatureChoice) -> Domain:
    """Learn which cars a model may price from the listings it learns from.

    `listings` has make, model, year and the numbers of `choice`, in the units of their names. Those that lack make or
    model teach nothing.
    """
    numbers = [name for name in SEEN_SHARES if name in choice.numbers]
    cars = _read_cars(listings, numbers).dropna(subset=["make", "model"]).replace([np.inf, -np.inf], np.nan)
    groups = cars.groupby(["make", "model"], sort=True)
    has_own_bounds = groups[numbers].count().to_numpy() >= MIN_LISTINGS_OF_MODEL
    models: dict[str, list[str]] = {}
    for make, model in groups.size().index:
        models.setdefault(make, []).append(model)
    return Domain(
        models=models,
        counts=groups.size().to_numpy(),
        numbers=numbers,
        lows=_find_bounds(cars, has_own_bounds, {name: SEEN_SHARES[name][0] for name in numbers}, "lower"),
        highs=_find_bounds(cars, has_own_bounds, {name: SEEN_SHARES[name][1] for name in numbers}, "higher"),
        has_own_bounds=has_own_bounds,
        oldest_year=float(cars["year"].min()),
        newest_year=float(cars["year"].max()),
    )


def assess(listings: pd.DataFrame, domain: Domain) -> pd.DataFrame:
    """Say of each car whether it may be priced: `status` and `reason`, indexed like `listings`.

    The status is priced, extrapolated (an estimate is worth less than its interval says) or refused (it is worth
    nothing). The reason is empty for a priced car, else all that is held against it, for a person, joined by "; ".
    Columns that are absent count as missing; only make, model and year must be there.
    """
    cars = _read_cars(listings, domain.numbers)
    cars["row"] = _find_rows(cars, domain)
    status = np.full(len(cars), PRICED, dtype=object)
    reasons = np.full(len(cars), "", dtype=object)
    for finding in (*_find_refusals(cars, domain), *_find_extrapolations(cars, domain)):
        positions = finding.positions.to_numpy()
        status[positions[status[positions] != REFUSED]] = finding.status
        for position, reason in zip(positions, finding.reasons, strict=True):
            reasons[position] = f"{reasons[position]}; {reason}" if reasons[position] else reason
    return pd.DataFrame({"status": status, "reason": reasons}, index=listings.index, dtype="str")


def _read_cars(listings: pd.DataFrame, numbers: list[str]) -> pd.DataFrame:
    """Return make and model as text and year and `numbers` as floats, by position; what cannot be read is missing."""
    cars = pd.DataFrame(index=pd.RangeIndex(len(listings)))
    for name in ("make", "model"):
        text = _read_column(listings, name).astype("str").str.strip()
        cars[name] = text.mask(text == "")
    for name in dict.fromkeys(("year", *numbers)):
        cars[name] = pd.to_numeric(_read_column(listings, name), errors="coerce").astype("Float64").astype("float64")
    return cars


def _read_column(listings: pd.DataFrame, name: str) -> pd.Series:
    if name not in listings:
        return pd.Series(np.nan, index=range(len(listings)))
    return listings[name].reset_index(drop=True)


def _find_bounds(cars: pd.DataFrame, has_own: np.ndarray, shares: dict[str, float], rounding: Rounding) -> np.ndarray:
    """Return models × numbers: that share of each model's cars, a value really seen, or of the market's."""
    bounds = np.empty(has_own.shape)
    groups = cars.groupby(["make", "model"], sort=True)
    for column, (name, share) in enumerate(shares.items()):
        of_model = groups[name].quantile(share, interpolation=rounding).to_numpy()
        of_market = cars[name].quantile(share, interpolation=rounding)
        bounds[:, column] = np.where(has_own[:, column], of_model, of_market)
    return bounds


def _find_rows(cars: pd.DataFrame, domain: Domain) -> np.ndarray:
    """Return each car's row in the domain's arrays, -1 where its model is unknown or missing."""
    known = [f"{make}{_SEPARATOR}{model}" for make, models in domain.models.items() for model in models]
    return pd.Index(known, dtype="str").get_indexer(pd.Index(cars["make"] + _SEPARATOR + cars["model"]))


def _find_refusals(cars: pd.DataFrame, domain: Domain) -> Iterator[_Finding]:
    for name in ("make", "model", "year"):
        missing = cars[cars[name].isna()]
        yield _Finding(REFUSED, missing.index, [f"{name} is missing"] * len(missing))
    yield from _find_unknown(cars, domain)
    newest, oldest = domain.newest_year, domain.oldest_year
    late = cars[cars["year"] > newest + MAX_YEARS_AFTER_NEWEST]
    yield _Finding(REFUSED, late.index, [_tell_late(year, newest) for year in late["year"]])
    early = cars[cars["year"] < oldest - MAX_YEARS_BEFORE_OLDEST]
    yield _Finding(REFUSED, early.index, [_tell_early(year, oldest) for year in early["year"]])
    yield from _find_contradictions(cars, domain)


def _find_unknown(cars: pd.DataFrame, domain: Domain) -> Iterator[_Finding]:
    """Refuse an unknown model as well as an unknown make.

    Hidden from a model, both were estimated equally badly: makes with error 1.8–3.2 and held 43–86 %, models with
    error 1.7–3.6 and held 40–86 %. And a name that nobody advertised may be a slip, which no error measures.
    """
    is_known = cars["make"].isin(list(domain.models))
    of_unknown_make = cars[cars["make"].notna() & ~is_known]
    reasons = {make: _tell_unknown("make", make, list(domain.models)) for make in of_unknown_make["make"].unique()}
    yield _Finding(REFUSED, of_unknown_make.index, [reasons[make] for make in of_unknown_make["make"]])
    of_unknown_model = cars[is_known & cars["model"].notna() & (cars["row"] < 0)]
    asked = list(zip(of_unknown_model["make"], of_unknown_model["model"], strict=True))
    tellings = {key: _tell_unknown("model", key[1], domain.models[key[0]], f" of {key[0]}") for key in dict.fromkeys(asked)}
    yield _Finding(REFUSED, of_unknown_model.index, [tellings[key] for key in asked])


def _find_contradictions(cars: pd.DataFrame, domain: Domain) -> Iterator[_Finding]:
    for name in domain.numbers:
        if name != "year":
            impossible = cars[(cars[name] < 0) | np.isinf(cars[name])]
            yield _Finding(REFUSED, impossible.index, [f"{_tell(name, value)} is impossible" for value in impossible[name]])
    if "mileage_km" in domain.numbers:
        # The newest cars count as a year old: a model year does not say how much of it has gone by.
        age_years = (domain.newest_year - cars["year"]).clip(lower=0) + 1
        driven = cars[(cars["mileage_km"] > MAX_KM_PER_YEAR * age_years) & np.isfinite(cars["mileage_km"])]
        reasons = [f"a car of {car.year:.0f} with {car.mileage_km:,.0f} km contradicts itself" for car in driven.itertuples()]
        yield _Finding(REFUSED, driven.index, reasons)


def _find_extrapolations(cars: pd.DataFrame, domain: Domain) -> Iterator[_Finding]:
    newest, oldest = domain.newest_year, domain.oldest_year
    late = cars[(cars["year"] > newest) & (cars["year"] <= newest + MAX_YEARS_AFTER_NEWEST)]
    yield _Finding(EXTRAPOLATED, late.index, [_tell_late(year, newest) for year in late["year"]])
    early = cars[(cars["year"] < oldest) & (cars["year"] >= oldest - MAX_YEARS_BEFORE_OLDEST)]
    yield _Finding(EXTRAPOLATED, early.index, [_tell_early(year, oldest) for year in early["year"]])
    known = cars[cars["row"] >= 0].copy()
    known["count"] = domain.counts[known["row"]]
    few = known[known["count"] < MIN_LISTINGS_OF_MODEL]
    yield _Finding(EXTRAPOLATED, few.index, [_tell_few(*car) for car in few[["count", "make", "model"]].itertuples(index=False)])
    known["year"] = known["year"].where(known["year"].between(oldest, newest))  # the others have their reason already
    for column, name in enumerate(domain.numbers):
        yield from _find_beyond(known, domain, column, name)


def _find_beyond(known: pd.DataFrame, domain: Domain, column: int, name: str) -> Iterator[_Finding]:
    """Find the cars with a number below or above what was seen of their model."""
    rows = known["row"].to_numpy()
    said = known[name].where(np.isfinite(known[name]) & (known[name] >= 0))  # what is impossible has its reason already
    reach = MAX_YEARS_AFTER_NEWEST if name == "year" else 0
    lows, highs = domain.lows[rows, column], domain.highs[rows, column]
    sides = (("below", lows, said < lows), ("above", highs, said > highs + reach))
    for side, bounds, is_beyond in sides[1:] if name == "mileage_km" else sides:
        beyond = known.assign(value=said, bound=bounds, has_own=domain.has_own_bounds[rows, column])[is_beyond]
        told = beyond[["value", "bound", "has_own", "make", "model"]].itertuples(index=False)
        yield _Finding(EXTRAPOLATED, beyond.index, [_tell_beyond(name, side, *car) for car in told])


def _tell_unknown(kind: str, name: str, known: list[str], of_make: str = "") -> str:
    folded = {other.casefold(): other for other in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=_MIN_LIKENESS)
    nearest = f" (nearest: '{folded[near[0]]}')" if near else ""
    learnt = f"among the {len(known)} {kind}s{of_make}" if len(known) > 1 else f"the one {kind}{of_make}"
    return f"{kind} '{name}' is not {learnt} learnt from{nearest}"


def _tell_late(year: float, newest: float) -> str:
    return f"year {year:.0f} is after {newest:.0f}, the newest seen"


def _tell_early(year: float, oldest: float) -> str:
    return f"year {year:.0f} is before {oldest:.0f}, the oldest seen"


def _tell_few(count: int, make: str, model: str) -> str:
    return f"only {count} {'listing' if count == 1 else 'listings'} of {make} {model} to learn from"


def _tell_beyond(name: str, side: str, value: float, bound: float, has_own: bool, make: str, model: str) -> str:  # noqa: FBT001
    cars = f"{make} {model}" if has_own else "cars of any model"
    if name == "year":
        relation = f"before {bound:.0f}, older than nearly all" if side == "below" else f"after {bound:.0f}, the newest of the"
        return f"year {value:.0f} is {relation} {cars} seen"
    amount = _tell(name, bound).removeprefix(_NAMES[name][0]).strip()
    seen = f"that nearly all {cars} stay within" if name == "mileage_km" else f"seen of {cars}"
    return f"{_tell(name, value)} is {'below' if side == 'below' else 'beyond'} the {amount} {seen}"


def _tell(name: str, value: float) -> str:
    """Return a number with its name and unit: mileage 480,000 km, engine 1.6 l."""
    word, unit = _NAMES[name]
    digits = 1 if name == "engine_l" else 0
    return f"{word} {value:,.{digits}f}".removesuffix(".0") + unit
