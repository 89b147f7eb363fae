"""Valuing: the price of one car and what surrounds it, by a loaded model; free of Streamlit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pipeline.market import Market
from pipeline.pricing import Outcome, Pricer
from pipeline.reasons import Reasons
from pipeline.serving import ServedModel
from pipeline.stages.train import PriceModel

_POINTS = 24  # of a curve
_FEWEST_KM = 150_000  # that a curve over mileage reaches at least
_SAMPLED = 60  # typical cars on which a piece of equipment is tried


@dataclass(frozen=True)
class Question:
    """What a form asks of a feature: `options` are words by how often they are learnt of, or () for a number; `usual` is the typical car's value."""

    name: str
    kind: str
    options: tuple[str, ...]
    usual: str | float | bool | None


def list_makes(model: PriceModel) -> list[str]:
    """Return the makes that the model knows, by the alphabet."""
    return sorted(model.domain.models, key=str.casefold)


def list_models(model: PriceModel, make: str) -> list[str]:
    """Return a make's models, those with the most listings first."""
    counts = _count_models(model)
    return sorted(model.domain.models.get(make, ()), key=lambda name: (-counts[make, name], name.casefold()))


def usual_make(model: PriceModel) -> str:
    """Return the make with the most listings."""
    totals: dict[str, int] = {}
    for (make, _), count in _count_models(model).items():
        totals[make] = totals.get(make, 0) + count
    return max(sorted(totals), key=totals.__getitem__)


def list_questions(model: PriceModel, make: str, name: str, idle: Collection[str] = ()) -> list[Question]:
    """Return what else can be told of a car, but for `idle` columns, each with what is usual for that model."""
    typical = model.typical
    position = typical.models.get(make, {}).get(name, typical.makes.get(make, 0))
    questions = []
    for column in model.choice.columns:
        if column in {"make", "model"} or column in idle:
            continue
        if column in typical.categories:
            usual: Any = typical.categories[column][position]
            questions.append(Question(column, "category", tuple(model.words[column]), usual))
        else:
            number = float(typical.numbers[column][position])
            kind = "boolean" if _is_boolean(model, column) else "number"
            told = None if np.isnan(number) else bool(number) if kind == "boolean" else number
            questions.append(Question(column, kind, (), told))
    return questions


def find_idle_equipment(model: PriceModel) -> tuple[str, ...]:
    """Return the yes-or-no columns that change no price: tried on the typical cars of the makes and models learnt most of."""
    columns = [column for column in model.choice.numbers if _is_boolean(model, column)]
    if not columns:
        return ()
    counts = _count_models(model)
    cars = sorted(counts, key=lambda car: -counts[car])[:_SAMPLED]
    positions = [model.typical.models[make][name] for make, name in cars]
    base = pd.DataFrame({"make": [make for make, _ in cars], "model": [name for _, name in cars]})
    for column, values in model.typical.numbers.items():
        base[column] = values[positions]
    for column, words in model.typical.categories.items():
        base[column] = pd.Series([words[position] for position in positions], dtype=object)
    asked = [base.assign(**{column: value}) for column in columns for value in (0.0, 1.0)]
    with threadpool_limits(1):
        estimates = model.estimate(pd.concat(asked, ignore_index=True))["estimate"].to_numpy().reshape(len(columns), 2, len(base))
    moved = np.abs(estimates[:, 1] / estimates[:, 0] - 1).max(axis=1)
    return tuple(column for column, most in zip(columns, moved, strict=True) if most < 1e-6)


def price_cars(served: ServedModel, market: Market, cars: list[dict[str, str]]) -> list[Outcome]:
    """Price cars of the same columns, each as text by canonical name, exactly as the command `price` does."""
    pricer = Pricer(served, market, list(cars[0]))
    with threadpool_limits(1):
        return pricer.price([list(car.values()) for car in cars])


def explain_car(served: ServedModel, market: Market, car: dict[str, str], listings: pd.DataFrame) -> Reasons:
    """Return what moved a car's price, and the adverts nearest to it among `listings`."""
    with threadpool_limits(1):
        return Pricer(served, market, list(car)).reason(list(car.values()), listings)


def follow_age(served: ServedModel, market: Market, car: dict[str, str]) -> pd.DataFrame:
    """Return estimates of the same car of other years (x, estimate, low, high): those not refused whose mileage is believed."""
    domain = served.model.domain
    newest = round(domain.newest_year)
    years = [str(year) for year in range(newest, max(round(domain.oldest_year), newest - _POINTS) - 1, -1)]
    return _follow("year", years, served, market, car)


def follow_mileage(served: ServedModel, market: Market, car: dict[str, str]) -> pd.DataFrame:
    """Return estimates of the same car with other mileages (x in km, estimate, low, high): those not refused that are believed."""
    most = max(_FEWEST_KM, 2 * float(car.get("mileage_km") or 0))
    # From one: nought is how many a market says that it is not told.
    return _follow("mileage_km", [str(round(km)) for km in np.linspace(1, most, _POINTS)], served, market, car)


def are_believed(served: ServedModel, cars: list[dict[str, str]]) -> np.ndarray:
    """Say whose mileages are believed: the others are left out, so that what such a car costs is no price of its mileage."""
    mileage_km, year = (np.array([float(car.get(name) or np.nan) for car in cars]) for name in ("mileage_km", "year"))
    return np.asarray(served.model.domain.floor.believes(mileage_km, year))


def _follow(column: str, values: list[str], served: ServedModel, market: Market, car: Mapping[str, str]) -> pd.DataFrame:
    cars = [{**car, column: value} for value in values]
    told = [
        {"x": float(value), "estimate": outcome.estimate, "low": outcome.low, "high": outcome.high}
        for value, outcome, believed in zip(values, price_cars(served, market, cars), are_believed(served, cars), strict=True)
        if outcome.estimate is not None and believed
    ]
    return pd.DataFrame(told, columns=["x", "estimate", "low", "high"])


def _count_models(model: PriceModel) -> dict[tuple[str, str], int]:
    known = [(make, name) for make, models in model.domain.models.items() for name in models]
    return dict(zip(known, (int(count) for count in model.domain.counts), strict=True))


def _is_boolean(model: PriceModel, column: str) -> bool:
    values = model.typical.numbers[column]
    told = values[~np.isnan(values)]
    return column == "first_owner" or column.startswith("has_") or (len(told) > 0 and bool(np.isin(told, (0.0, 1.0)).all()))
