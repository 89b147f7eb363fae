"""Make synthetic nightly deliveries of used-car adverts in the full Avito Morocco schema, real defects included."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple, TextIO
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.sample_figures import (
    AUTOMATIC_LOG_EFFECT,
    CHANGE_LOG_SPREAD,
    CHANGED_PRICE_SHARE,
    CITIES,
    CLEARED,
    CONDITIONS,
    CUT_SHARE,
    DEFECTS,
    DELIVERY_COLUMNS,
    DILIGENCE_IN_EQUIPMENT,
    DILIGENCE_IN_FILLED_FIELDS,
    DOORS,
    EQUIPMENT,
    FIRST_HAND,
    FIRST_HAND_LOG_EFFECT,
    FIRST_HAND_LOG_ODDS_AGAINST,
    FIRST_HAND_LOG_ODDS_OF_NEWNESS,
    FLATTENING_YEARS,
    FUEL_LOG_EFFECTS,
    FUELS,
    FUTURE_YEAR,
    GEARBOXES,
    GENERIC_SECTOR_PARTS,
    GENERIC_SECTORS,
    HUGE_PRICE_MAD,
    KM_BOUNDS,
    KM_FLATTENING_YEARS,
    KM_LOG_SPREAD,
    LEAVING_SHARE_PER_NIGHT,
    LIFETIME_KM,
    MAKES,
    MAX_CHANGE,
    MAX_DEFECTIVE_PRICE_MAD,
    MAX_POWER_CV,
    MAX_PRICE_MAD,
    MEAN_YEAR,
    MIN_CHANGE,
    MIN_DEFECTIVE_PRICE_MAD,
    MIN_POWER_CV,
    MIN_PRICE_MAD,
    MISSING_SHARES,
    MODEL_SPREAD_YEARS,
    MODELS,
    NEWNESS_IN_CONDITION,
    NEWNESS_IN_DILIGENCE,
    NOISE_LOG_SPREAD,
    ORIGINS,
    PADDED_NAMES_SHARE,
    POWER_LOG_EFFECT_PER_CV,
    POWER_OFFSET_SHARES,
    POWER_OFFSETS_CV,
    PRICE_LEVEL,
    ROUNDING_SHARES,
    ROUNDING_STEPS_MAD,
    TEXT_PRICE,
    THOUSANDS_KM_SHARE,
    TITLE_PATTERNS,
    TRIPLED_SHARE,
    TYPICAL_CHANGE,
    UNDERSTATED_KM_MAX_PART,
    UNDERSTATED_KM_SHARE,
    UNSTATED_GEARBOX_SHARE,
    UNUSED_EQUIPMENT,
    USE_LOG_EFFECT,
    WILD_LOG_SPREAD,
    WILD_SHARE,
    YEAR_SHARES,
    YEAR_SPREAD_YEARS,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Column = npt.NDArray[np.generic] | pd.Categorical | pd.Series | list[str] | bool
Columns = dict[str, Column]

FIRST_NIGHT = date(2025, 1, 6)
MAX_NIGHTS = 3650
FIRST_ADVERT_ID = 50_000_000  # eight digits, above every id of the real site's extract
SYNTHETIC_NOTE_NAME = "SYNTHETIC.txt"
ROWS_PER_CHUNK = 50_000  # bounds the memory spent on text while a night is written


class NightDefects(NamedTuple):
    """Which night (counted from 0) is in latin-1, is header-only, misspells Kilométrage; None where no night is."""

    latin_1: int | None
    header_only: int | None
    renamed: int | None


@dataclass(frozen=True)
class SamplePlan:
    """What to make: distinct adverts over all nights, consecutive nights, and the seed that decides the rest.

    Raises ValueError, naming the parameter and its value, when rows < 1, nights < 1, nights > 3650 or seed < 0.
    """

    rows: int = 3000
    nights: int = 8
    seed: int = 20250106

    def __post_init__(self) -> None:
        """Refuse a plan that cannot be made."""
        if self.rows < 1:
            raise ValueError(f"rows must be at least 1, not {self.rows}")
        if not 1 <= self.nights <= MAX_NIGHTS:
            raise ValueError(f"nights must be between 1 and {MAX_NIGHTS}, not {self.nights}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, not {self.seed}")


def make_adverts(plan: SamplePlan) -> pd.DataFrame:
    """Make all adverts of the plan: one row each, `plan.rows` rows, in order of arrival.

    Columns named as in the deliveries hold what every delivery publishes of the advert (NaN where the seller left the
    field empty). The hidden ones are: advert_id (eight digits, ends the URL); true_km; true_gearbox (0 manual,
    1 automatic); model_price_mad (what the price model says, without noise); true_price_mad (what the seller asks
    first, without typing mistakes); first_night and last_night (counted from 0, last_night may lie after the plan's
    end) and lifetime_nights; change_night (`plan.nights` if the price never changes) and changed_price_mad;
    defect (a position in DEFECTS); names_padded; model_code, city_code and title_code.
    """
    rng = np.random.Generator(np.random.PCG64(plan.seed))
    adverts = draw_cars(rng, plan.rows)
    adverts = adverts.assign(**draw_engines(rng, adverts))
    adverts = adverts.assign(**draw_use(rng, adverts))
    adverts = adverts.assign(**draw_places(rng, plan.rows))
    adverts = adverts.assign(**draw_sellers(rng, adverts))
    adverts = adverts.assign(**draw_prices(rng, adverts))
    adverts = adverts.assign(**draw_lives(rng, plan))
    adverts = adverts.assign(**draw_price_changes(rng, adverts, plan))
    adverts = adverts.assign(**draw_mistakes(rng, adverts, plan))
    return leave_fields_empty(rng, adverts)


def night_rows(adverts: pd.DataFrame, plan: SamplePlan, night: int) -> pd.DataFrame:
    """Lay out the delivery of one night (counted from 0): DELIVERY_COLUMNS, one row per published line.

    A third of the night's adverts appear three times, the copies scattered; the index is the file's unnamed column.
    Raises ValueError when the plan has no such night.
    """
    positions = place_rows(adverts, plan, night)
    return rename_columns(format_rows(adverts.iloc[positions], night, 0), plan, night)


def write_deliveries(folder: Path, plan: SamplePlan = SamplePlan()) -> list[Path]:
    """Write one `YYYY-MM-DD.csv` per night and SYNTHETIC.txt into the folder; return the deliveries in date order.

    The folder is made if need be. Files of the same name are replaced, each at once, and no other file is touched.
    Raises OSError when the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_note(folder / SYNTHETIC_NOTE_NAME, plan)
    adverts = make_adverts(plan)
    return [write_night(folder, adverts, plan, night) for night in range(plan.nights)]


def place_night_defects(nights: int) -> NightDefects:
    """Decide which nights of a plan are defective: never the first, and the last only when there are fewer than 5."""
    return NightDefects(
        latin_1=1 if nights >= 2 else None,
        header_only=nights // 2 if nights >= 4 else None,
        renamed=None if nights < 3 else nights - 2 if nights >= 5 else nights - 1,
    )


# --- Drawing ----------------------------------------------------------------------------------------------------------
# Only uniform and normal draws are used: the streams of the other distributions may change between numpy releases.


def draw_codes(rng: np.random.Generator, shares: Sequence[float] | FloatArray, count: int) -> IntArray:
    """Draw `count` positions into `shares`, each as often as its share of their sum says."""
    bounds = np.cumsum(shares)
    return np.searchsorted(bounds / bounds[-1], rng.random(count), side="right").astype(np.int64)


def draw_flags(rng: np.random.Generator, shares: FloatArray | float, count: int) -> BoolArray:
    """Draw `count` flags that are True with the given shares (one for all, or one each)."""
    return np.less(rng.random(count), shares)


def choose_some(rng: np.random.Generator, candidates: IntArray, count: int) -> IntArray:
    """Choose `count` of the candidates (all of them if there are fewer), in random order."""
    return candidates[np.argsort(rng.random(len(candidates)), kind="stable")[:count]]


def mix_latent(common: FloatArray, share: float, own: FloatArray) -> FloatArray:
    """Mix two standard normal variables into a third, of which `common` explains the given share of the variance."""
    return math.sqrt(share) * common + math.sqrt(1.0 - share) * own


def find_quantile(share: float) -> float:
    """Return the value below which the given share of a standard normal variable lies."""
    return NormalDist().inv_cdf(share)


def label_codes(codes: IntArray, labels: Sequence[str]) -> pd.Categorical:
    """Turn positions into their texts, stored once."""
    return pd.Categorical.from_codes(codes.astype(np.int16), categories=pd.Index(list(labels), dtype=object))


def list_model_shares() -> FloatArray:
    """Return each model's share of all adverts: its make's share times its weight within the make."""
    weights = pd.Series([float(model.weight) for model in MODELS])
    makes = pd.Series([model.make for model in MODELS])
    make_shares = makes.map({make.name: make.share for make in MAKES})
    shares: FloatArray = (make_shares * weights / weights.groupby(makes).transform("sum")).to_numpy(dtype=np.float64)
    return shares / float(shares.sum())


def fit_model_years() -> FloatArray:
    """Fit the share of every (model, year) pair: models x years, years only while the model was on sale.

    The rows and columns are scaled in turn until both the models' and the years' shares hold.
    """
    model_shares = list_model_shares()
    year_shares = np.array(list(YEAR_SHARES.values()))
    years = np.array(list(YEAR_SHARES))
    typical, first, last = np.array([(m.typical_year, m.first_year, m.last_year) for m in MODELS]).T[:, :, None]
    table: FloatArray = np.exp(-(((years - typical) / MODEL_SPREAD_YEARS) ** 2) / 2) + 1e-3
    table *= (first <= years) & (years <= last)
    for _ in range(100):
        table *= (model_shares / table.sum(axis=1))[:, None]
        table *= year_shares / year_shares.sum() / table.sum(axis=0)
    return table


def draw_cars(rng: np.random.Generator, count: int) -> pd.DataFrame:
    """Draw make, model and year of `count` cars: one row per car."""
    cells = draw_codes(rng, fit_model_years().ravel(), count)
    model_codes, year_codes = np.divmod(cells, len(YEAR_SHARES))
    make_names = [make.name for make in MAKES]
    make_of_model = np.array([make_names.index(model.make) for model in MODELS])
    return pd.DataFrame(
        {
            "Marque": label_codes(make_of_model[model_codes], make_names),
            "Modèle": label_codes(model_codes, [model.name for model in MODELS]),
            "Année-Modèle": np.array(list(YEAR_SHARES), dtype=np.int16)[year_codes],
            "model_code": model_codes.astype(np.int16),
        }
    )


def take_by_model(adverts: pd.DataFrame, values: Sequence[float]) -> FloatArray:
    """Look up one figure per advert in a list that holds one per model."""
    return np.take(np.array(values, dtype=np.float64), adverts["model_code"].to_numpy(dtype=np.int64))


def take_by_make(adverts: pd.DataFrame, values: Sequence[float]) -> FloatArray:
    """Look up one figure per advert in a list that holds one per make."""
    return take_effects(adverts, "Marque", values)


def compute_age_years(adverts: pd.DataFrame) -> FloatArray:
    """Return each car's age in years at the first night."""
    return FIRST_NIGHT.year - adverts["Année-Modèle"].to_numpy(dtype=np.float64)


def draw_engines(rng: np.random.Generator, adverts: pd.DataFrame) -> Columns:
    """Draw fuel, fiscal power (CV), true gearbox and doors, as usual for each advert's model."""
    count = len(adverts)
    power_cv = take_by_model(adverts, [model.power_cv for model in MODELS])
    power_cv += np.array(POWER_OFFSETS_CV)[draw_codes(rng, POWER_OFFSET_SHARES, count)]
    has_three_doors = draw_flags(rng, take_by_model(adverts, [model.three_door_share for model in MODELS]), count)
    is_automatic = draw_flags(rng, take_by_model(adverts, [model.automatic_share for model in MODELS]), count)
    return {
        "Type de carburant": label_codes(draw_fuel_codes(rng, adverts), FUELS),
        "Puissance fiscale": np.clip(power_cv, MIN_POWER_CV, MAX_POWER_CV).astype(np.int8),
        "Nombre de portes": label_codes(has_three_doors.astype(np.int64), DOORS),
        "true_gearbox": is_automatic.astype(np.int8),
    }


def draw_fuel_codes(rng: np.random.Generator, adverts: pd.DataFrame) -> IntArray:
    """Draw positions into FUELS: petrol as usual for the model, hybrid and electric for recent cars of some makes."""
    count = len(adverts)
    codes = draw_flags(rng, take_by_model(adverts, [model.petrol_share for model in MODELS]), count).astype(np.int64)
    is_recent = adverts["Année-Modèle"].to_numpy() >= 2012
    codes[is_recent & draw_flags(rng, take_by_make(adverts, [make.hybrid_share for make in MAKES]), count)] = 2
    codes[is_recent & draw_flags(rng, take_by_make(adverts, [make.electric_share for make in MAKES]), count)] = 3
    return codes


def compute_expected_km(age_years: FloatArray) -> FloatArray:
    """Return the mileage (km) usual at an age: it grows ever slower, as old cars are driven less."""
    return 4_000 + LIFETIME_KM * -np.expm1(-age_years / KM_FLATTENING_YEARS)


def draw_use(rng: np.random.Generator, adverts: pd.DataFrame) -> Columns:
    """Draw the true mileage (km) and the range the seller states, which is sometimes far too low."""
    count = len(adverts)
    true_km = compute_expected_km(compute_age_years(adverts)) * np.exp(KM_LOG_SPREAD * rng.standard_normal(count))
    true_km = np.clip(true_km, 0, KM_BOUNDS[-1] - 1)
    stated_km = true_km * draw_stated_parts(rng, count)
    range_codes = np.searchsorted(KM_BOUNDS, stated_km, side="right") - 1
    return {
        "Kilométrage": label_codes(range_codes.astype(np.int64), list_km_ranges()),
        "true_km": true_km.astype(np.int32),
    }


def draw_stated_parts(rng: np.random.Generator, count: int) -> FloatArray:
    """Draw which part of the true mileage each seller states: all of it, less than a third, or the thousands."""
    parts = np.ones(count)
    is_understated = draw_flags(rng, UNDERSTATED_KM_SHARE, count)
    parts[is_understated] = UNDERSTATED_KM_MAX_PART * rng.random(int(is_understated.sum()))
    parts[draw_flags(rng, THOUSANDS_KM_SHARE, count)] = 1 / 1_000
    return parts


def list_km_ranges() -> list[str]:
    """Write the site's mileage ranges, lowest first, as in "5 000 - 9 999"."""
    return [f"{low:,} - {following - 1:,}".replace(",", " ") for low, following in pairwise(KM_BOUNDS)]


def list_places() -> list[tuple[int, str, float]]:
    """List every (city position, sector, share): the generic sectors take a tenth where a city names its own."""
    places = []
    for code, city in enumerate(CITIES):
        generic_share = 0.1 if city.sectors else 1.0
        for sector, part in zip(GENERIC_SECTORS, GENERIC_SECTOR_PARTS, strict=True):
            places.append((code, sector, city.share * generic_share * part))
        for sector in city.sectors:
            places.append((code, sector, city.share * (1.0 - generic_share) / len(city.sectors)))
    return places


def draw_places(rng: np.random.Generator, count: int) -> Columns:
    """Draw city and sector of `count` adverts."""
    city_codes, sectors, shares = zip(*list_places(), strict=True)
    drawn = draw_codes(rng, shares, count)
    sector_names = list(dict.fromkeys(sectors))
    sector_of_place = np.array([sector_names.index(sector) for sector in sectors])
    drawn_cities = np.array(city_codes)[drawn]
    return {
        "Ville": label_codes(drawn_cities, [city.name for city in CITIES]),
        "Secteur": label_codes(sector_of_place[drawn], sector_names),
        "city_code": drawn_cities.astype(np.int16),
    }


def draw_sellers(rng: np.random.Generator, adverts: pd.DataFrame) -> Columns:
    """Draw what the seller tells: title, origin, first hand, condition, equipment, and how diligently.

    `diligence` (standard normal) is what makes the equipment columns agree with each other and decides, later on,
    which fields are left empty.
    """
    count = len(adverts)
    newness = (adverts["Année-Modèle"].to_numpy(dtype=np.float64) - MEAN_YEAR) / YEAR_SPREAD_YEARS
    first_hand_shares = 1.0 / (1.0 + np.exp(FIRST_HAND_LOG_ODDS_AGAINST - FIRST_HAND_LOG_ODDS_OF_NEWNESS * newness))
    sellers: Columns = {
        "Origine": label_codes(draw_origin_codes(rng, adverts), [origin.text for origin in ORIGINS]),
        "Première main": label_codes(draw_flags(rng, first_hand_shares, count).astype(np.int64), FIRST_HAND),
        "État": label_codes(draw_condition_codes(rng, newness), [condition.text for condition in CONDITIONS]),
        "title_code": (rng.random(count) * len(TITLE_PATTERNS)).astype(np.int8),
    }
    diligence = mix_latent(newness, NEWNESS_IN_DILIGENCE, rng.standard_normal(count))
    sellers["diligence"] = diligence.astype(np.float32)
    for equipment in EQUIPMENT:
        wish = mix_latent(diligence, DILIGENCE_IN_EQUIPMENT, rng.standard_normal(count))
        sellers[equipment.column] = wish > find_quantile(1.0 - equipment.share)
    return sellers


def draw_origin_codes(rng: np.random.Generator, adverts: pd.DataFrame) -> IntArray:
    """Draw positions into ORIGINS: imported and cleared as usual for the make, else by their shares."""
    codes = draw_codes(rng, [origin.share for origin in ORIGINS], len(adverts))
    codes[draw_flags(rng, take_by_make(adverts, [make.cleared_share for make in MAKES]), len(adverts))] = CLEARED
    return codes


def draw_condition_codes(rng: np.random.Generator, newness: FloatArray) -> IntArray:
    """Draw positions into CONDITIONS, best first: the newer the car, the better."""
    quality = mix_latent(newness, NEWNESS_IN_CONDITION, rng.standard_normal(len(newness)))
    cuts = [find_quantile(share) for share in np.cumsum([condition.share for condition in CONDITIONS])[:-1].tolist()]
    return np.searchsorted(cuts, -quality).astype(np.int64)


def draw_prices(rng: np.random.Generator, adverts: pd.DataFrame) -> Columns:
    """Draw the price (MAD) each seller asks first, around what the price model says."""
    count = len(adverts)
    log_price = compute_log_price(adverts)
    spread = np.where(draw_flags(rng, WILD_SHARE, count), WILD_LOG_SPREAD, NOISE_LOG_SPREAD)
    asked_mad = np.clip(np.exp(log_price + spread * rng.standard_normal(count)), MIN_PRICE_MAD, MAX_PRICE_MAD)
    step_mad = np.array(ROUNDING_STEPS_MAD)[draw_codes(rng, ROUNDING_SHARES, count)]
    return {
        "model_price_mad": np.rint(np.exp(log_price)).astype(np.int32),
        "true_price_mad": (np.rint(asked_mad / step_mad) * step_mad).astype(np.int32),
    }


def compute_log_price(adverts: pd.DataFrame) -> FloatArray:
    """Return the log of the price (MAD) the price model gives each advert, without noise."""
    log_price = PRICE_LEVEL + compute_log_value(adverts) + compute_engine_effect(adverts) + compute_use_effect(adverts)
    log_price += take_effects(adverts, "Ville", [city.log_effect for city in CITIES])
    log_price += take_effects(adverts, "Origine", [origin.log_effect for origin in ORIGINS])
    log_price += take_effects(adverts, "État", [condition.log_effect for condition in CONDITIONS])
    log_price += take_effects(adverts, "Première main", (0.0, FIRST_HAND_LOG_EFFECT))
    for equipment in EQUIPMENT:
        log_price += equipment.log_effect * adverts[equipment.column].to_numpy(dtype=np.float64)
    return log_price


def take_effects(adverts: pd.DataFrame, column: str, log_effects: Sequence[float]) -> FloatArray:
    """Look up the log effect of each advert's value of a categorical column."""
    return np.take(np.array(log_effects, dtype=np.float64), adverts[column].cat.codes.to_numpy(dtype=np.int64))


def compute_log_value(adverts: pd.DataFrame) -> FloatArray:
    """Return the log price (MAD) of the model at the car's age, from its typical price at its typical year."""
    age_years = compute_age_years(adverts)
    typical_age_years = FIRST_NIGHT.year - take_by_model(adverts, [model.typical_year for model in MODELS])
    typical_price_mad = 1_000 * take_by_model(adverts, [model.typical_price_kmad for model in MODELS])
    value_left: FloatArray = np.exp(-age_years / FLATTENING_YEARS) - np.exp(-typical_age_years / FLATTENING_YEARS)
    yearly_loss = take_by_make(adverts, [make.yearly_loss for make in MAKES])
    return np.log(typical_price_mad) + FLATTENING_YEARS * yearly_loss * value_left


def compute_engine_effect(adverts: pd.DataFrame) -> FloatArray:
    """Return the log effect of fuel, gearbox and of the power above what is usual for the model."""
    usual_cv = take_by_model(adverts, [model.power_cv for model in MODELS])
    excess_cv = adverts["Puissance fiscale"].to_numpy(dtype=np.float64) - usual_cv
    gearbox_effect = AUTOMATIC_LOG_EFFECT * adverts["true_gearbox"].to_numpy(dtype=np.float64)
    fuel_effect = take_effects(adverts, "Type de carburant", FUEL_LOG_EFFECTS)
    return POWER_LOG_EFFECT_PER_CV * excess_cv + gearbox_effect + fuel_effect


def compute_use_effect(adverts: pd.DataFrame) -> FloatArray:
    """Return the log effect of having been driven more or less than usual at the car's age."""
    use = adverts["true_km"].to_numpy(dtype=np.float64) / compute_expected_km(compute_age_years(adverts))
    return USE_LOG_EFFECT * np.clip(use - 1.0, -1.0, 1.5)


# --- Lives, price changes, mistakes -----------------------------------------------------------------------------------


def draw_lives(rng: np.random.Generator, plan: SamplePlan) -> Columns:
    """Draw when each advert appears and for how many nights: half on the first night, the rest spread evenly.

    No advert appears or ends on the header-only night, so that each one is seen and a life's last night is visible.
    """
    first_night = spread_arrivals(plan)
    staying = np.log1p(-rng.random(plan.rows)) / math.log1p(-LEAVING_SHARE_PER_NIGHT)
    last_night = first_night + np.floor(staying).astype(np.int64)
    header_only = place_night_defects(plan.nights).header_only
    if header_only is not None:
        last_night[last_night == header_only] -= 1
    return {
        "advert_id": FIRST_ADVERT_ID + np.arange(plan.rows, dtype=np.int32),
        "first_night": first_night.astype(np.int16),
        "last_night": last_night.astype(np.int16),
        "lifetime_nights": (last_night - first_night + 1).astype(np.int16),
    }


def spread_arrivals(plan: SamplePlan) -> IntArray:
    """Return each advert's first night, in order of arrival."""
    header_only = place_night_defects(plan.nights).header_only
    later_nights = np.array([night for night in range(1, plan.nights) if night != header_only], dtype=np.int64)
    first_count = (plan.rows + 1) // 2 if len(later_nights) else plan.rows
    later_count = plan.rows - first_count
    later = later_nights[np.arange(later_count, dtype=np.int64) * len(later_nights) // max(later_count, 1)]
    return np.concatenate([np.zeros(first_count, dtype=np.int64), later])


def draw_price_changes(rng: np.random.Generator, adverts: pd.DataFrame, plan: SamplePlan) -> Columns:
    """Draw which adverts change their price during the nights they are seen, when, and to what (MAD)."""
    first_night = adverts["first_night"].to_numpy(dtype=np.int64)
    last_seen_night = find_last_seen_night(adverts, plan)
    candidates = np.flatnonzero(last_seen_night > first_night)
    chosen = choose_some(rng, candidates, round(CHANGED_PRICE_SHARE * plan.rows))
    wait_nights = np.floor(rng.random(len(chosen)) * (last_seen_night - first_night)[chosen]).astype(np.int64) + 1
    change_night = np.full(plan.rows, plan.nights, dtype=np.int16)
    change_night[chosen] = first_night[chosen] + wait_nights
    changed_price_mad = adverts["true_price_mad"].to_numpy(copy=True)
    changed_price_mad[chosen] = change_prices(rng, changed_price_mad[chosen])
    return {"change_night": change_night, "changed_price_mad": changed_price_mad}


def find_last_seen_night(adverts: pd.DataFrame, plan: SamplePlan) -> IntArray:
    """Return the last night of the plan whose delivery shows each advert."""
    last_night: IntArray = adverts["last_night"].to_numpy(dtype=np.int64)
    return np.minimum(last_night, plan.nights - 1)


def change_prices(rng: np.random.Generator, price_mad: npt.NDArray[np.int32]) -> IntArray:
    """Return new prices (MAD), nearly all lower, each different from the old one after rounding."""
    size = TYPICAL_CHANGE * np.exp(CHANGE_LOG_SPREAD * rng.standard_normal(len(price_mad)))
    direction = np.where(draw_flags(rng, CUT_SHARE, len(price_mad)), -1.0, 1.0)
    changed_mad = price_mad * (1.0 + direction * np.clip(size, MIN_CHANGE, MAX_CHANGE))
    step_mad = np.where(price_mad >= 50_000, 1_000, 500)
    return (np.rint(changed_mad / step_mad) * step_mad).astype(np.int64)


def draw_mistakes(rng: np.random.Generator, adverts: pd.DataFrame, plan: SamplePlan) -> Columns:
    """Draw which adverts carry which typing mistake, and which have spaces around make and model."""
    price_mad = adverts["true_price_mad"].to_numpy()
    is_usual = (price_mad >= MIN_DEFECTIVE_PRICE_MAD) & (price_mad <= MAX_DEFECTIVE_PRICE_MAD)
    never_changes = adverts["change_night"].to_numpy() == plan.nights
    chosen = choose_some(rng, np.flatnonzero(is_usual & never_changes), min(len(DEFECTS) - 1, plan.rows // 10))
    defect = np.zeros(plan.rows, dtype=np.int8)
    defect[chosen] = np.arange(1, len(chosen) + 1)
    padded = np.zeros(plan.rows, dtype=np.bool_)
    padded[choose_some(rng, np.arange(plan.rows), round(PADDED_NAMES_SHARE * plan.rows))] = True
    return {"defect": defect, "names_padded": padded}


def leave_fields_empty(rng: np.random.Generator, adverts: pd.DataFrame) -> pd.DataFrame:
    """Empty the fields that careless sellers skip, and publish the gearbox, "--" where it is not stated."""
    diligence = adverts["diligence"].to_numpy(dtype=np.float64)
    empty = {column: find_skipped(rng, diligence, share) for column, share in MISSING_SHARES.items()}
    unstated = find_skipped(rng, diligence, UNSTATED_GEARBOX_SHARE)
    gearbox_codes = np.where(unstated, GEARBOXES.index("--"), adverts["true_gearbox"].to_numpy())
    filled = {column: adverts[column].mask(is_empty) for column, is_empty in empty.items()}
    filled["Boite de vitesses"] = pd.Series(label_codes(gearbox_codes, GEARBOXES), index=adverts.index)
    return adverts.assign(**filled).drop(columns="diligence")


def find_skipped(rng: np.random.Generator, diligence: FloatArray, share: float) -> BoolArray:
    """Flag the given share of the adverts, above all those of careless sellers."""
    return mix_latent(diligence, DILIGENCE_IN_FILLED_FIELDS, rng.standard_normal(len(diligence))) < find_quantile(share)


# --- One night --------------------------------------------------------------------------------------------------------


def place_rows(adverts: pd.DataFrame, plan: SamplePlan, night: int) -> IntArray:
    """Return, line by line, the position of the advert that the night's file shows there."""
    if not 0 <= night < plan.nights:
        raise ValueError(f"night must be between 0 and {plan.nights - 1}, not {night}")
    if night == place_night_defects(plan.nights).header_only:
        return np.zeros(0, dtype=np.int64)
    is_alive = (adverts["first_night"] <= night) & (adverts["last_night"] >= night)
    # Each night has its own stream, so that a night can be made without making the others.
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(plan.seed, spawn_key=(night,))))
    return scatter_copies(rng, np.flatnonzero(is_alive.to_numpy()))


def scatter_copies(rng: np.random.Generator, positions: IntArray) -> IntArray:
    """Repeat a third of the positions twice more, and shuffle them all."""
    tripled = choose_some(rng, positions, round(TRIPLED_SHARE * len(positions)))
    lines = np.concatenate([positions, tripled, tripled])
    return choose_some(rng, lines, len(lines))


def format_rows(shown: pd.DataFrame, night: int, first_line: int) -> pd.DataFrame:
    """Lay out adverts as lines of a delivery, with their mistakes: DELIVERY_COLUMNS, numbered from `first_line`."""
    published: Columns = dict.fromkeys(UNUSED_EQUIPMENT, False)
    published |= {
        "Lien": build_links(shown),
        "Marque": pad_names(shown["Marque"], shown["names_padded"]),
        "Modèle": pad_names(shown["Modèle"], shown["names_padded"]),
        "Année-Modèle": shown["Année-Modèle"].mask(shown["defect"] == DEFECTS.index("future year"), FUTURE_YEAR),
        "Prix": publish_prices(shown, night),
    }
    rows = shown.assign(**published)[list(DELIVERY_COLUMNS)]
    rows.index = pd.RangeIndex(first_line, first_line + len(rows))
    return rows


def build_links(shown: pd.DataFrame) -> list[str]:
    """Build each advert's URL on the reserved host www.avito.example: the same on every night."""
    cities = [f"https://www.avito.example/fr/{write_slug(city.name)}/voitures" for city in CITIES]
    titles = list_titles()
    parts = zip(shown["city_code"], shown["model_code"], shown["title_code"], shown["advert_id"], strict=True)
    return [f"{cities[city]}/{titles[model][title]}_{number}.htm" for city, model, title, number in parts]


def pad_names(names: pd.Series, is_padded: pd.Series) -> pd.Categorical:
    """Put spaces around the flagged names."""
    labels = list(names.cat.categories)
    codes = names.cat.codes.to_numpy(dtype=np.int64) + len(labels) * is_padded.to_numpy(dtype=np.int64)
    return label_codes(codes, [*labels, *(f" {label}  " for label in labels)])


def publish_prices(shown: pd.DataFrame, night: int) -> npt.NDArray[np.object_]:
    """Return the prices as typed: the first or the changed price (MAD), or the advert's mistake."""
    has_changed = shown["change_night"] <= night
    price_mad = shown["true_price_mad"].mask(has_changed, shown["changed_price_mad"])
    prices = price_mad.to_numpy(dtype=object)
    for position in np.flatnonzero(shown["defect"].to_numpy()):
        prices[position] = mistype_price(prices[position], DEFECTS[shown["defect"].iloc[position]])
    return prices


def mistype_price(price_mad: int, defect: str) -> int | str:
    """Return what a seller who makes the mistake publishes instead of the price (MAD)."""
    mistyped: dict[str, int | str] = {
        "huge price": HUGE_PRICE_MAD,
        "zero price": 0,
        "empty price": "",
        "price ten times too low": price_mad // 10,
        "text price": TEXT_PRICE,
    }
    return mistyped.get(defect, price_mad)


def list_titles() -> list[list[str]]:
    """List the title slugs of every model, one per pattern."""
    names = [(model.make, model.name) for model in MODELS]
    return [[write_slug(title.format(make=make, model=model)) for title in TITLE_PATTERNS] for make, model in names]


def write_slug(text: str) -> str:
    """Write a text as a part of a URL path: lower case, underscores for spaces, accents percent-encoded."""
    return quote(text.lower().replace(" ", "_"))


# --- Writing ----------------------------------------------------------------------------------------------------------


def write_note(path: Path, plan: SamplePlan) -> None:
    """Write the line that says the deliveries are synthetic."""
    options = f"rows={plan.rows} nights={plan.nights} seed={plan.seed}"
    with replace_file(path, "utf-8") as file:
        file.write(f"Synthetic car adverts, none of them real, made by `python -m pipeline sample` with {options}.\n")


def write_night(folder: Path, adverts: pd.DataFrame, plan: SamplePlan, night: int) -> Path:
    """Write one night's delivery and return its path."""
    path = folder / f"{FIRST_NIGHT + timedelta(days=night)}.csv"
    is_latin_1 = night == place_night_defects(plan.nights).latin_1
    positions = place_rows(adverts, plan, night)
    with replace_file(path, "latin-1" if is_latin_1 else "utf-8") as file:
        for start in range(0, max(len(positions), 1), ROWS_PER_CHUNK):
            rows = format_rows(adverts.iloc[positions[start : start + ROWS_PER_CHUNK]], night, start)
            rows = rename_columns(rows, plan, night)
            rows.to_csv(file, header=start == 0, lineterminator="\r\n" if is_latin_1 else "\n")
    return path


def rename_columns(rows: pd.DataFrame, plan: SamplePlan, night: int) -> pd.DataFrame:
    """Drop the accent of Kilométrage on the night that misspells it."""
    is_renamed = night == place_night_defects(plan.nights).renamed
    return rows.rename(columns={"Kilométrage": "Kilometrage"}) if is_renamed else rows


@contextmanager
def replace_file(path: Path, encoding: str) -> Iterator[TextIO]:
    """Open a hidden temporary file next to the path; it takes the path's place only if the block succeeds."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding=encoding, newline="") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
