"""Domain: which cars a model may price, judged by the listings it learnt from, and the reasons why not the others."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pipeline.valuation.comparables import SAYS_NOTHING
from pipeline.valuation.features import FeatureChoice
from pipeline.valuation.mileage import MileageFloor, learn_floor

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
    # the greatest; avito_ma: no rise. Below the first it is at most 1.4, so only what is not believed is held against a car.
    "mileage_km": (0, 0.99),
    # Beyond all that was seen: error 1.5–4.2, held 25–73 %; short of it 1.0–1.8; within the outer percentiles 0.9–2.6.
    "power_hp": (0, 1),
    "fiscal_power_cv": (0, 1),
    "engine_l": (0, 1),
    "cylinders": (0, 1),
}

# A word that no listing of the model says, though enough tell it: error 1.3–2.3, held 79–94 % (uk: four cars, 0.9–1.3);
# one that a listing says: 0.3–1.8, 67–100 %, and about so from there. Colors and places make no other kind of car.
SEEN_WORDS = ("fuel", "gearbox", "drive", "body", "condition")

_NAMES = {
    "mileage_km": ("mileage", " km"),
    "power_hp": ("power", " hp"),
    "fiscal_power_cv": ("fiscal power", " CV"),
    "engine_l": ("engine", " l"),
    "cylinders": ("cylinders", ""),
}
_MIN_LIKENESS = 0.6  # of a known name to be the one that was meant: Volkswagon has 0.9, Lada and Dacia 0.44


@dataclass(frozen=True)
class Domain:
    """What was seen: makes and their models, how many listings of each, and the bounds of their numbers.

    `counts` (models), and `lows`, `highs` and `has_own_bounds` (models × numbers) follow the order of `models` and
    `numbers`. Where a model has too few listings that say a number, its bounds are the market's. `words` tells the words of a
    category, `word_counts` (models × words) how many listings of each model say so.
    """

    models: dict[str, list[str]]
    counts: np.ndarray
    numbers: list[str]
    lows: np.ndarray
    highs: np.ndarray
    has_own_bounds: np.ndarray
    words: dict[str, list[str]]
    word_counts: dict[str, np.ndarray]
    oldest_year: float
    newest_year: float
    floor: MileageFloor


@dataclass(frozen=True)
class _Cars:
    """Cars as arrays: make, model and other words as text or None, the year and other numbers, and each car's row in the domain.

    The row is −1 where the model is unknown or missing.
    """

    make: np.ndarray
    model: np.ndarray
    numbers: dict[str, np.ndarray]
    words: dict[str, np.ndarray]
    row: np.ndarray


@dataclass(frozen=True)
class _Finding:
    """What is held against some of the cars: their positions, and a reason for each."""

    status: str
    positions: np.ndarray
    reasons: list[str]


def learn_domain(listings: pd.DataFrame, choice: FeatureChoice) -> Domain:
    """Learn which cars a model may price from the listings it learns from.

    `listings` has make, model, year and the numbers of `choice`, in the units of their names. Those that lack make or
    model teach nothing.
    """
    numbers = [name for name in SEEN_SHARES if name in choice.numbers]
    categories = [name for name in SEEN_WORDS if name in choice.categories]
    texts = {name: _read_texts(listings, name) for name in ("make", "model", *categories)}
    read = pd.DataFrame(texts | _read_numbers(listings, numbers))
    cars = read.dropna(subset=["make", "model"]).replace([np.inf, -np.inf], np.nan)
    told = _read_numbers(cars, ["mileage_km"])
    groups = cars.groupby(["make", "model"], sort=True)
    has_own_bounds = groups[numbers].count().to_numpy() >= MIN_LISTINGS_OF_MODEL
    models: dict[str, list[str]] = {}
    for make, model in groups.size().index:
        models.setdefault(make, []).append(model)
    said = {name: _count_words(cars, name).reindex(groups.size().index, fill_value=0) for name in categories}
    return Domain(
        models=models,
        counts=groups.size().to_numpy(),
        numbers=numbers,
        lows=_find_bounds(cars, has_own_bounds, {name: SEEN_SHARES[name][0] for name in numbers}, "lower"),
        highs=_find_bounds(cars, has_own_bounds, {name: SEEN_SHARES[name][1] for name in numbers}, "higher"),
        has_own_bounds=has_own_bounds,
        words={name: [str(word) for word in counts.columns] for name, counts in said.items()},
        word_counts={name: counts.to_numpy() for name, counts in said.items()},
        oldest_year=float(cars["year"].min()),
        newest_year=float(cars["year"].max()),
        floor=learn_floor(told["mileage_km"], told["year"]),
    )


def assess(listings: pd.DataFrame, domain: Domain) -> pd.DataFrame:
    """Say of each car whether it may be priced: `status` and `reason`, indexed like `listings`.

    The status is priced, extrapolated (an estimate is worth less than its interval says) or refused (it is worth
    nothing). The reason is empty for a priced car, else all that is held against it, for a person, joined by "; ".
    Columns that are absent count as missing; only make, model and year must be there.
    """
    make, model = (_read_texts(listings, name) for name in ("make", "model"))
    words = {name: _read_texts(listings, name) for name in domain.words}
    cars = _Cars(make, model, _read_numbers(listings, domain.numbers), words, _find_rows(make, model, domain))
    status = np.full(len(listings), PRICED, dtype=object)
    reasons = np.full(len(listings), "", dtype=object)
    for finding in (*_find_refusals(cars, domain), *_find_extrapolations(cars, domain)):
        status[finding.positions[status[finding.positions] != REFUSED]] = finding.status
        for position, reason in zip(finding.positions, finding.reasons, strict=True):
            reasons[position] = f"{reasons[position]}; {reason}" if reasons[position] else reason
    return pd.DataFrame({"status": status, "reason": reasons}, index=listings.index, dtype="str")


def _read_texts(listings: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column as text without blanks around it, None where nothing is left."""
    if name not in listings:
        return np.full(len(listings), None, dtype=object)
    values = listings[name].astype(object).to_numpy()
    texts = [
        None if is_missing else str(value).strip() or None for value, is_missing in zip(values, pd.isna(values), strict=True)
    ]
    return np.array(texts, dtype=object)


def _read_numbers(listings: pd.DataFrame, names: list[str]) -> dict[str, np.ndarray]:
    """Return the year and the named columns as floats; what cannot be read is missing."""
    numbers = {}
    for name in dict.fromkeys(("year", *names)):
        column = listings[name] if name in listings else pd.Series(np.nan, index=listings.index)
        if column.dtype != np.float64:
            column = pd.to_numeric(column, errors="coerce").astype("Float64").astype("float64")
        numbers[name] = column.to_numpy()
    return numbers


def _find_bounds(cars: pd.DataFrame, has_own: np.ndarray, shares: dict[str, float], rounding: Rounding) -> np.ndarray:
    """Return models × numbers: that share of each model's cars, a value really seen, or of the market's."""
    bounds = np.empty(has_own.shape)
    groups = cars.groupby(["make", "model"], sort=True)
    for column, (name, share) in enumerate(shares.items()):
        of_model = groups[name].quantile(share, interpolation=rounding).to_numpy()
        of_market = cars[name].quantile(share, interpolation=rounding)
        bounds[:, column] = np.where(has_own[:, column], of_model, of_market)
    return bounds


def _count_words(cars: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return models × words: how many listings of each model say each word; models of which none says any are absent."""
    told = cars.dropna(subset=[name])
    return pd.crosstab([told["make"], told["model"]], told[name])


def _find_rows(makes: np.ndarray, models: np.ndarray, domain: Domain) -> np.ndarray:
    """Return each car's row in the domain's arrays, −1 where its model is unknown or missing."""
    known = ((make, model) for make, models_of_make in domain.models.items() for model in models_of_make)
    rows = {car: row for row, car in enumerate(known)}
    return np.array([rows.get(car, -1) for car in zip(makes, models, strict=True)], dtype=np.int64)


def _find(status: str, is_found: np.ndarray, tell: Callable[[int], str]) -> Iterator[_Finding]:
    """Yield a finding about the cars that are found, if any; `tell` gives the reason of the car at a position."""
    positions = np.flatnonzero(is_found)
    if len(positions):
        yield _Finding(status, positions, [tell(int(position)) for position in positions])


def _find_refusals(cars: _Cars, domain: Domain) -> Iterator[_Finding]:
    year = cars.numbers["year"]
    for name, is_missing in (("make", pd.isna(cars.make)), ("model", pd.isna(cars.model)), ("year", np.isnan(year))):
        yield from _find(REFUSED, is_missing, functools.partial(_tell_missing, name))
    yield from _find_unknown(cars, domain)
    newest, oldest = domain.newest_year, domain.oldest_year
    yield from _find(REFUSED, year > newest + MAX_YEARS_AFTER_NEWEST, lambda car: _tell_late(year[car], newest))
    yield from _find(REFUSED, year < oldest - MAX_YEARS_BEFORE_OLDEST, lambda car: _tell_early(year[car], oldest))
    yield from _find_contradictions(cars, domain)


def _find_unknown(cars: _Cars, domain: Domain) -> Iterator[_Finding]:
    """Refuse an unknown model as well as an unknown make.

    Hidden from a model, both were estimated equally badly: makes with error 1.8–3.2 and held 43–86 %, models with
    error 1.7–3.6 and held 40–86 %. And a name that nobody advertised may be a slip, which no error measures.
    """
    is_known = np.array([make in domain.models for make in cars.make], dtype=bool)

    @functools.cache
    def tell_make(make: str) -> str:
        return _tell_unknown("make", make, list(domain.models))

    @functools.cache
    def tell_model(make: str, model: str) -> str:
        return _tell_unknown("model", model, domain.models[make], f" of {make}")

    yield from _find(REFUSED, ~pd.isna(cars.make) & ~is_known, lambda car: tell_make(cars.make[car]))
    is_unknown_model = is_known & ~pd.isna(cars.model) & (cars.row < 0)
    yield from _find(REFUSED, is_unknown_model, lambda car: tell_model(cars.make[car], cars.model[car]))


def _find_contradictions(cars: _Cars, domain: Domain) -> Iterator[_Finding]:
    for name in domain.numbers:
        if name != "year":
            is_impossible = (cars.numbers[name] < 0) | np.isinf(cars.numbers[name])
            yield from _find(REFUSED, is_impossible, functools.partial(_tell_impossible, name, cars.numbers[name]))
    if "mileage_km" in domain.numbers:
        year, mileage_km = cars.numbers["year"], cars.numbers["mileage_km"]
        # The newest cars count as a year old: a model year does not say how much of it has gone by.
        age_years = np.maximum(domain.newest_year - year, 0) + 1
        is_overdriven = (mileage_km > MAX_KM_PER_YEAR * age_years) & np.isfinite(mileage_km)
        yield from _find(REFUSED, is_overdriven, lambda car: _tell_overdriven(year[car], mileage_km[car]))


def _find_extrapolations(cars: _Cars, domain: Domain) -> Iterator[_Finding]:
    newest, oldest, year = domain.newest_year, domain.oldest_year, cars.numbers["year"]
    is_late = (year > newest) & (year <= newest + MAX_YEARS_AFTER_NEWEST)
    yield from _find(EXTRAPOLATED, is_late, lambda car: _tell_late(year[car], newest))
    is_early = (year < oldest) & (year >= oldest - MAX_YEARS_BEFORE_OLDEST)
    yield from _find(EXTRAPOLATED, is_early, lambda car: _tell_early(year[car], oldest))
    yield from _find_unbelieved(cars, domain)
    if not len(domain.counts):
        return
    counts = np.where(cars.row >= 0, domain.counts[cars.row], 0)
    is_few = (cars.row >= 0) & (counts < MIN_LISTINGS_OF_MODEL)
    yield from _find(EXTRAPOLATED, is_few, lambda car: _tell_few(counts[car], cars.make[car], cars.model[car]))
    for column, name in enumerate(domain.numbers):
        yield from _find_beyond(cars, domain, column, name)
    for name in domain.words:
        yield from _find_unlike(cars, domain, name)


def _find_unlike(cars: _Cars, domain: Domain, name: str) -> Iterator[_Finding]:
    """Find the cars of which a word is told that enough cars of their model tell, and none of them so."""
    counts, places = domain.word_counts[name], {word: place for place, word in enumerate(domain.words[name])}
    # A word that no car of the market says stands in a last column of nothing.
    said = np.column_stack([counts, np.zeros(len(counts), dtype=counts.dtype)])
    column = np.array([places.get(word, len(places)) for word in cars.words[name]], dtype=np.int64)
    told = counts.sum(axis=1)[cars.row]
    says_something = ~pd.isna(cars.words[name]) & (cars.words[name] != SAYS_NOTHING)
    is_unlike = (cars.row >= 0) & says_something & (told >= MIN_LISTINGS_OF_MODEL) & (said[cars.row, column] == 0)

    def tell(car: int) -> str:
        return f"none of the {told[car]:,} {cars.make[car]} {cars.model[car]} seen has {name} '{cars.words[name][car]}'"

    yield from _find(EXTRAPOLATED, is_unlike, tell)


def _find_unbelieved(cars: _Cars, domain: Domain) -> Iterator[_Finding]:
    """Find the cars with a mileage that the encoding leaves out: they are estimated as adverts that are silent about it."""
    if {"year", "mileage_km"} <= set(domain.numbers):
        year, mileage_km = cars.numbers["year"], cars.numbers["mileage_km"]
        is_left_out = ~domain.floor.believes(mileage_km, year) & (mileage_km >= 0)
        yield from _find(EXTRAPOLATED, is_left_out, lambda car: _tell_unbelieved(year[car], mileage_km[car]))


def _find_beyond(cars: _Cars, domain: Domain, column: int, name: str) -> Iterator[_Finding]:
    """Find the cars of known models with a number below or above what was seen of their model."""
    values = cars.numbers[name]
    # What is impossible has its reason already, and so has a year that no car of the market has.
    is_told = (values >= 0) & np.isfinite(values)
    if name == "year":
        is_told &= (domain.oldest_year <= values) & (values <= domain.newest_year)
    reach = MAX_YEARS_AFTER_NEWEST if name == "year" else 0
    lows, highs, has_own = (bounds[cars.row, column] for bounds in (domain.lows, domain.highs, domain.has_own_bounds))
    sides = (("below", lows, values < lows), ("above", highs, values > highs + reach))
    for side, bounds, is_beyond in sides[1:] if name == "mileage_km" else sides:
        told = functools.partial(_tell_beyond_of, cars, name, side, values, bounds, has_own)
        yield from _find(EXTRAPOLATED, is_told & is_beyond & (cars.row >= 0), told)


def _tell_beyond_of(
    cars: _Cars, name: str, side: str, values: np.ndarray, bounds: np.ndarray, has_own: np.ndarray, car: int
) -> str:
    return _tell_beyond(name, side, values[car], bounds[car], bool(has_own[car]), cars.make[car], cars.model[car])


def _tell_missing(name: str, _: int) -> str:
    return f"{name} is missing"


def _tell_impossible(name: str, values: np.ndarray, car: int) -> str:
    return f"{_tell(name, values[car])} is impossible"


def _tell_overdriven(year: float, mileage_km: float) -> str:
    return f"a car of {year:.0f} with {mileage_km:,.0f} km contradicts itself"


def _tell_unbelieved(year: float, mileage_km: float) -> str:
    return f"mileage {mileage_km:,.0f} km is hardly believable for a car of {year:.0f} and was left out"


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
