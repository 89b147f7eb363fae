"""Recipe: a price model on log price, with honest out-of-fold estimates, from scikit-learn and numpy alone.

A Gaussian process (`process`) and tree ensembles (`members`), some of which see what the process says, are fitted on all
listings and over grouped folds: out-of-fold predictions teach the weights of the average (`blend`) and calibrate intervals.
The quick profile is the process alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.listing import Kind
from pipeline.valuation.blend import learn_weights
from pipeline.valuation.encoding import Encoded, Encoding, encode, learn_encoding, native_categories
from pipeline.valuation.intervals import View
from pipeline.valuation.members import Columns, Hyperparameters, MapFolds, Member, MemberPlan, fit_member, in_processes, shape
from pipeline.valuation.process import START, BlockSizes, Process, fit_process, learn_settings
from pipeline.valuation.target_means import TargetMeans, fit_target_means

SMALL_MARKET = 20_000  # listings
MIDDLE_MARKET = 60_000
LARGE_BLOCKS = BlockSizes(single=7_500, most=2_500)
SMALL_BLOCKS = BlockSizes(single=4_000, most=1_000)
WIDE_CATEGORIES = ("car", "family")  # too many levels for the enriched view, which has their means instead


@dataclass(frozen=True)
class Profile:
    """How much effort a fit takes: folds, the process (its blocks, how often its settings are tried), and the members beside it."""

    folds: int
    members: tuple[MemberPlan, ...] = ()
    blocks: BlockSizes = LARGE_BLOCKS
    settings_evaluations: int = 0
    towards_equal: float = 0.3


@dataclass(frozen=True)
class RecipeModel:
    """A fitted recipe: how listings are encoded, the process, the members, and the weight of each."""

    encoding: Encoding
    process: Process
    target_means: TargetMeans
    members: list[Member]
    weights: np.ndarray

    @property
    def names(self) -> list[str]:
        """The names of the members, in the order of their weights."""
        return ["process", *(member.name for member in self.members)]

    def view(self, listings: pd.DataFrame) -> View:
        """Return the estimated log prices, one per listing, and what their errors are told by."""
        encoded = encode(listings, self.encoding)
        process_logs = self.process.predict(encoded)
        views = build_views(encoded, self.target_means.look_up(encoded), process_logs) if self.members else {}
        predictions = [process_logs, *(member.predict(views[member.view]) for member in self.members)]
        return _average(encoded, np.column_stack(predictions), self.weights)

    def predict_log(self, listings: pd.DataFrame) -> np.ndarray:
        """Return log prices, one per listing."""
        return self.view(listings).logs


@dataclass(frozen=True)
class Fitted:
    """What a fit says of its own listings out of fold, and the fold of each."""

    view: View
    folds: np.ndarray


def choose_profile(name: str, listings: int) -> Profile:
    """Return the profile "full" or "quick" for this many listings: the more listings, the fewer folds and members."""
    if name == "quick":
        return Profile(5 if listings < SMALL_MARKET else 3, blocks=SMALL_BLOCKS)
    members = (NATIVE_ABSOLUTE, ENRICHED_ABSOLUTE, ENRICHED_SQUARED)
    if listings < SMALL_MARKET:
        return Profile(5, members, settings_evaluations=80)
    if listings < MIDDLE_MARKET:
        return Profile(4, members, settings_evaluations=80)
    return Profile(3, (BIG_ABSOLUTE, BIG_SQUARED), settings_evaluations=60)


def fit_recipe(
    listings: pd.DataFrame,
    kinds: Mapping[str, Kind],
    hyperparameters: Hyperparameters,
    tell: Callable[[str, float], None],
    map_folds: MapFolds | None = None,
) -> tuple[RecipeModel, Fitted]:
    """Fit the recipe on listings with `price`, `group_id` and the feature columns named in `kinds`.

    Absent, empty and constant columns are left out. `tell` hears of the progress as a message and a share (0–1). `map_folds` says where
    folds are fitted and how many at a time (without: here, one by one); the result is the same.
    """
    seed, plan = hyperparameters.seed, choose_profile(hyperparameters.profile, len(listings))
    logs = np.log(listings["price"].to_numpy(dtype=np.float64))
    folds = draw_folds(listings["group_id"].to_numpy(), plan.folds, seed)
    encoding = learn_encoding(listings, kinds)
    encoded = encode(listings, encoding)
    target_means, means = fit_target_means(encoded, logs, folds, rises_with_year=True)
    process, process_logs = _fit_process(encoded, logs, folds, plan, seed, tell)
    views = build_views(encoded, means, process_logs) if plan.members else {}
    columns = _name_columns(encoded)
    members, predictions = [], [process_logs]
    for number, member_plan in enumerate(plan.members):
        tell(f"fitting {member_plan.name.replace('_', ' ')}", 0.4 + 0.5 * number / len(plan.members))
        member, out_of_fold = fit_member(
            shape(member_plan, hyperparameters),
            views[member_plan.view],
            columns[member_plan.view],
            logs,
            folds,
            seed,
            map_folds or in_processes(1),
        )
        members.append(member)
        predictions.append(out_of_fold)
    stacked = np.column_stack(predictions)
    weights = learn_weights(stacked, logs, plan.towards_equal)
    return RecipeModel(encoding, process, target_means, members, weights), Fitted(_average(encoded, stacked, weights), folds)


def draw_folds(groups: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return a fold number per listing, the same for all listings of a group; fewer folds where there are few groups.

    A group's digest decides, so that it stays in its fold when others come and go: estimates that leave a listing's own price out would
    else change with every new fit. Where the groups are too few for that, they are dealt out in turn.
    """
    names, places = np.unique(groups.astype(str), return_inverse=True)
    numbers = np.array([int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:8]) % count for name in names])
    if len(np.unique(numbers)) < count:
        numbers = np.arange(len(names)) % min(count, len(names))
    return numbers[places]


def build_views(encoded: Encoded, means: np.ndarray, process_logs: np.ndarray) -> dict[str, np.ndarray]:
    """Return the features of each view, categories first."""
    native = native_categories(encoded)
    narrow = native[:, _narrow_categories(encoded)]
    views = {
        "native": np.column_stack([native, encoded.numbers, means]),
        "enriched": np.column_stack([narrow, encoded.numbers, means, process_logs]),
    }
    return {name: view.astype(np.float32) for name, view in views.items()}


def _name_columns(encoded: Encoded) -> dict[str, Columns]:
    """Return what the columns of each view are.

    Codes of the enriched view count as numbers: as accurate there, and a third of the time to price one car.
    """
    native, narrow = len(encoded.categories), len(_narrow_categories(encoded))
    year = encoded.number_names.index("year") if "year" in encoded.number_names else None
    return {
        "native": Columns(native, None if year is None else native + year),
        "enriched": Columns(0, None if year is None else narrow + year),
    }


def _average(encoded: Encoded, predictions: np.ndarray, weights: np.ndarray) -> View:
    """Return the weighted average of the columns, and their weighted standard deviation."""
    logs = predictions @ weights
    return View(encoded, logs, np.sqrt((predictions - logs[:, None]) ** 2 @ weights))


def _narrow_categories(encoded: Encoded) -> list[int]:
    return [i for i, name in enumerate(encoded.categories) if name not in WIDE_CATEGORIES]


def _fit_process(
    encoded: Encoded,
    logs: np.ndarray,
    folds: np.ndarray,
    plan: Profile,
    seed: int,
    tell: Callable[[str, float], None],
) -> tuple[Process, np.ndarray]:
    settings = START
    if plan.settings_evaluations:
        tell("learning how listings resemble each other", 0.05)
        settings = learn_settings(encoded, logs, folds, plan.settings_evaluations, seed)
    tell("fitting the process", 0.15)
    return fit_process(encoded, logs, folds, settings, plan.blocks)


NATIVE_ABSOLUTE = MemberPlan("native_absolute", "native", "absolute_error", 400, 0.1, 63, None, 10, 1.0)
ENRICHED_ABSOLUTE = MemberPlan("enriched_absolute", "enriched", "absolute_error", 300, 0.07, 31, None, 10, 0.5)
ENRICHED_SQUARED = MemberPlan("enriched_squared", "enriched", "squared_error", 250, 0.05, 31, None, 8, 0.5)
BIG_ABSOLUTE = MemberPlan("enriched_absolute", "enriched", "absolute_error", 300, 0.1, 63, None, 10, 0.5)
BIG_SQUARED = MemberPlan("enriched_squared", "enriched", "squared_error", 300, 0.08, None, 8, 5, 0.5)
