"""Process: a Gaussian process on log price, whose covariance nests the market, makes, families and cars.

Two listings resemble each other the more, the closer their year, mileage and other numbers and the fewer categories
they differ in; on top of it, sharing a make, a family of models or a car counts. What is shared is *wide*, how a price falls with
year and mileage, which is smooth, or *narrow*, what equipment is worth in much the same years. Big markets are cut into blocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from pipeline.valuation.encoding import Encoded

IDENTITIES = ("car", "family", "make")
MIN_KNOWN_SHARE = 0.5
ROBUST_ROUNDS = 2
MIN_MAKE_ROWS = 200
BIG_CAR_SHARE = 0.7
NOISE_STEPS = 6
MIN_GAIN = 0.0015
BLOCKS_TRIED = 3
ROWS_TRIED = 1_500
FLOAT = np.float32
# Lengths in the scale of the inputs. They are not learnt: the loss hardly feels them, but shorter ones, rougher likenesses and one
# that ends with mileage too let an estimate follow the chance prices of single years and listings, so that it rises and falls as a
# car ages.
NARROW_YEARS = FLOAT(1.0)
REPEAT_YEARS = FLOAT(0.3)
REPEAT_LOG_MILEAGE = FLOAT(1e-4)  # ten kilometres of 100,000: the same advert once more, hardly another car
NOT_TOLD = -1.0  # mileage; one that is told is not negative
ROWS_AT_A_TIME = 256
CELLS_AT_A_TIME = 32_768  # of the covariance: half a dozen arrays of so many stay in the processor's cache
FEW_LEVELS = 32  # more make a product of matrices slower than comparing

START = {
    "noise": 0.07, "category_decay": 0.12, "number_decay": 0.3, "car_narrow": 0.08, "wide_mileage": 6.0,
    "smooth_share": 0.1, "wide_year": 3.5, "market_wide": 3.0, "make_wide": 0.4, "family_wide": 0.2,
    "car_wide": 0.2, "car_level": 0.5, "car_repeat": 0.05, "family_narrow": 0.02, "market_narrow": 0.01,
    "aging": 1.1, "clip": 2.5,
}  # fmt: skip


@dataclass(frozen=True)
class BlockSizes:
    """Up to so many listings are one block (`single`); of more, a block holds about `most`: the fit costs the square of it a listing."""

    single: int
    most: int


@dataclass(frozen=True)
class Scaling:
    """How encoded listings become inputs: robust centres and scales of the numbers used, and the categories used."""

    numbers: list[str]
    centers: np.ndarray
    scales: np.ndarray
    categories: list[str]


@dataclass(frozen=True)
class Inputs:
    """Listings as the covariance sees them; `identities` are codes of car, family and make.

    `log_mileage` is scaled, and in the middle where it is missing; `told_mileage` is neither, and below all others where it is.
    """

    year: np.ndarray
    log_mileage: np.ndarray
    told_mileage: np.ndarray
    numbers: np.ndarray
    codes: np.ndarray
    identities: np.ndarray

    def __len__(self) -> int:
        return len(self.year)

    def take(self, rows: np.ndarray) -> Inputs:
        """Return these rows alone."""
        return Inputs(self.year[rows], self.log_mileage[rows], self.told_mileage[rows], self.numbers[rows],
                      self.codes[rows], self.identities[rows])  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A fitted block: its listings, and the weight of each in a prediction."""

    inputs: Inputs
    weights: np.ndarray


@dataclass(frozen=True)
class Process:
    """A fitted process: blocks by number, and the block in which a car, else a make, else anything is looked for.

    `routes` maps "car 3" or "make 1" to block numbers, one for each stretch of years; `cuts` holds the limits.
    """

    scaling: Scaling
    settings: dict[str, float]
    level: float
    blocks: list[Block]
    routes: dict[str, list[int]]
    cuts: dict[str, list[float]]

    def predict(self, encoded: Encoded) -> np.ndarray:
        """Return log prices."""
        inputs = scale(encoded, self.scaling)
        block_of = route(inputs, self.routes, self.cuts)
        order = order_by_car(inputs)
        predictions = np.empty(len(inputs))
        for number in np.unique(block_of):
            rows, block = order[block_of[order] == number], self.blocks[number]
            for start in range(0, len(rows), ROWS_AT_A_TIME):
                part = rows[start : start + ROWS_AT_A_TIME]
                # Large weights of both signs cancel: in single precision the sum would depend on how many are summed at a time.
                predictions[part] = covariance(inputs.take(part), block.inputs, self.settings) @ block.weights.astype(np.float64)
        return predictions + self.level


def learn_scaling(encoded: Encoded) -> Scaling:
    """Choose the numbers and categories known often enough, and scale numbers by their middle two thirds."""
    numbers, centers, scales = [], [], []
    for name, column in zip(encoded.number_names, encoded.numbers.T, strict=True):
        known = column[~np.isnan(column)]
        if len(known) < MIN_KNOWN_SHARE * len(column) or name == "km_per_year":
            continue
        low, middle, high = np.quantile(known, [0.16, 0.5, 0.84])
        numbers.append(name)
        centers.append(middle)
        scales.append((high - low) / 2 or known.std() or 1.0)
    known_share = (encoded.codes >= 0).mean(axis=0) if len(encoded) else []
    categories = [
        name
        for name, share in zip(encoded.categories, known_share, strict=True)
        if name not in IDENTITIES and share >= MIN_KNOWN_SHARE
    ]
    return Scaling(numbers, np.array(centers), np.array(scales), categories)


def scale(encoded: Encoded, scaling: Scaling) -> Inputs:
    """Return the inputs of encoded listings; missing numbers take the middle and differ by a flag from known ones."""
    columns: dict[str, np.ndarray] = {}
    flags = []
    for name, center, spread in zip(scaling.numbers, scaling.centers, scaling.scales, strict=True):
        values = (encoded.numbers[:, encoded.number_names.index(name)] - center) / spread
        flags.append(np.isnan(values))
        columns[name] = np.nan_to_num(np.clip(values, -5, 5)).astype(FLOAT)
    nothing = np.zeros(len(encoded), FLOAT)
    told_mileage = encoded.numbers[:, encoded.number_names.index("log_mileage")] if "log_mileage" in columns else nothing
    rest = [columns[name] for name in columns if name not in {"year", "mileage_km", "log_mileage"}]
    missing = [flag.astype(FLOAT) for flag, name in zip(flags, columns, strict=True) if name != "log_mileage"]
    codes = [encoded.code(name) for name in scaling.categories]
    return Inputs(
        columns.get("year", nothing),
        columns.get("log_mileage", nothing),
        np.nan_to_num(told_mileage, nan=NOT_TOLD).astype(FLOAT),
        np.column_stack([*rest, *missing]) if rest or missing else np.zeros((len(encoded), 0), FLOAT),
        np.column_stack(codes).astype(np.int32) if codes else np.zeros((len(encoded), 0), np.int32),
        np.column_stack([encoded.code(name) for name in IDENTITIES]),
    )


def covariance(left: Inputs, right: Inputs, settings: Mapping[str, float]) -> np.ndarray:
    """Return the prior covariance of log prices, left × right.

    It is computed some rows at a time, so that what lies between stays in the processor's cache; fastest where the
    listings of a car are neighbours on both sides.
    """
    value = {name: FLOAT(number) for name, number in settings.items()}
    sides = _line_up(left, right, value)
    result = np.empty((len(left), len(right)), FLOAT)
    step = max(1, CELLS_AT_A_TIME // max(len(right), 1))
    room = np.empty((5, min(step, len(left)), len(right)), FLOAT)
    for start in range(0, len(left), step):
        rows = slice(start, min(start + step, len(left)))
        _covary(sides, rows, value, result[rows], room[:, : rows.stop - rows.start])
    return result


def fit_process(
    encoded: Encoded, logs: np.ndarray, folds: np.ndarray, settings: Mapping[str, float], sizes: BlockSizes
) -> tuple[Process, np.ndarray]:
    """Fit the blocks and return, too, the prediction of every listing by the listings of its block in other folds."""
    scaling = learn_scaling(encoded)
    inputs = scale(encoded, scaling)
    level = float(np.median(logs))
    plan = cut_blocks(inputs, sizes)
    blocks, out_of_fold = [], np.zeros(len(logs))
    for rows in plan.rows:
        weights, held_out = _fit_block(inputs.take(rows), logs[rows] - level, folds[rows], settings)
        blocks.append(Block(inputs.take(rows), weights))
        out_of_fold[rows] = held_out + level
    return Process(scaling, dict(settings), level, blocks, plan.routes, plan.cuts), out_of_fold


def learn_settings(encoded: Encoded, logs: np.ndarray, folds: np.ndarray, evaluations: int, seed: int) -> dict[str, float]:
    """Return settings that predict well each listing by the others of a sample of whole cars (coordinate search)."""
    inputs = scale(encoded, learn_scaling(encoded))
    samples = [
        _TrialBlock(inputs.take(rows), logs[rows] - np.median(logs), folds[rows])
        for rows in _draw_cars(encoded.code("car"), BLOCKS_TRIED, ROWS_TRIED, seed)
    ]
    # What differs most from market to market comes first.
    names = [f"category {i}" for i in range(inputs.codes.shape[1])]
    names += [f"number {i}" for i in range(inputs.numbers.shape[1]) if inputs.numbers[:, i].any()]
    names += START
    best = dict.fromkeys(names, 1.0) | START
    first, lowest = _loss(samples[:1], best), _loss(samples, best)
    directions = dict.fromkeys(names, 1.0)
    step, tried, position, failures = 2.0, 1, 0, 0
    while tried < evaluations and step > 1.15:
        name = names[position % len(names)]
        position += 1
        improved = False
        for factor in (step ** directions[name], step ** -directions[name]):
            trial = best | {name: best[name] * factor}
            tried += 1
            at_first = _loss(samples[:1], trial)  # most trials are no better there: only the others cost a look at all blocks
            if at_first < first and (loss := _loss(samples, trial)) < lowest * (1 - MIN_GAIN):
                directions[name] = 1.0 if factor > 1 else -1.0
                best, first, lowest, improved = trial, at_first, loss, True
                break
        failures = 0 if improved else failures + 1
        if failures >= len(names):
            step, failures = step**0.5, 0
    return best


@dataclass
class Plan:
    """Blocks being cut: the rows of each, and the routes and cuts of `Process`."""

    rows: list[np.ndarray]
    routes: dict[str, list[int]]
    cuts: dict[str, list[float]]

    def add(self, keys: list[str], rows: np.ndarray) -> None:
        """Add a block to which these keys lead, whatever the year."""
        for key in keys:
            self.routes[key], self.cuts[key] = [len(self.rows)], []
        self.rows.append(rows)


def cut_blocks(inputs: Inputs, sizes: BlockSizes) -> Plan:
    """Cut listings into blocks: everything where few, else by make; big cars by stretches of years, others together.

    Makes with few listings share blocks.
    """
    plan = Plan([], {}, {})
    if len(inputs) <= sizes.single:
        plan.add(["all"], order_by_car(inputs))
        return plan
    car, _, make = inputs.identities.T
    makes, listings = np.unique(make, return_counts=True)
    few = makes[listings < MIN_MAKE_ROWS]
    for maker in [np.array([one]) for one in makes[listings >= MIN_MAKE_ROWS]] + ([few] if len(few) else []):
        rows = np.flatnonzero(np.isin(make, maker))
        cars, counts = np.unique(car[rows], return_counts=True)
        big = cars[counts > BIG_CAR_SHARE * sizes.most]
        for one in big:
            own = rows[car[rows] == one]
            _cut_by_year(plan, _car_key(one, maker[0]), own, inputs.year, sizes.most)
        _cut_by_car(plan, maker, rows[~np.isin(car[rows], big)], inputs, sizes.most)
    plan.routes["all"], plan.cuts["all"] = [int(np.argmax([len(rows) for rows in plan.rows]))], []
    return plan


def route(inputs: Inputs, routes: Mapping[str, list[int]], cuts: Mapping[str, list[float]]) -> np.ndarray:
    """Return the block number of every listing."""
    if list(routes) == ["all"]:
        return np.zeros(len(inputs), dtype=int)
    found = np.zeros(len(inputs), dtype=int)
    cars, of_car = np.unique(inputs.identities[:, [0, 2]], axis=0, return_inverse=True)
    order = np.argsort(of_car, kind="stable")
    for (car, make), rows in zip(cars, np.split(order, np.cumsum(np.bincount(of_car))[:-1]), strict=True):
        key = next(key for key in (_car_key(car, make), f"make {make}", "all") if key in routes)
        found[rows] = np.array(routes[key])[np.searchsorted(cuts[key], inputs.year[rows])]
    return found


def order_by_car(inputs: Inputs) -> np.ndarray:
    """Return an order in which the listings of a make, of its families and of their cars are neighbours."""
    car, family, make = inputs.identities.T
    return np.lexsort((car, family, make))


def _car_key(car: int, make: int) -> str:
    return f"car {car}" if car >= 0 else f"no car of make {make}"


def _cut_by_year(plan: Plan, key: str, rows: np.ndarray, year: np.ndarray, most: int) -> None:
    """Add blocks of one car by stretches of years; a stretch that is still too long is dealt out evenly.

    New listings of such a stretch are looked for in its first part alone.
    """
    parts = int(np.ceil(len(rows) / most))
    cuts = np.unique(np.quantile(year[rows], np.arange(1, parts) / parts) + 1e-4)
    stretches = np.searchsorted(cuts, year[rows])
    plan.cuts[key], plan.routes[key] = [float(cut) for cut in cuts], []
    for stretch in range(len(cuts) + 1):
        own = rows[stretches == stretch]
        if len(own):
            plan.routes[key].append(len(plan.rows))
            deals = int(np.ceil(len(own) / (1.5 * most)))
            plan.rows += [own[deal::deals] for deal in range(deals)]
        else:
            plan.routes[key].append(max(len(plan.rows) - 1, 0))


def _cut_by_car(plan: Plan, makers: np.ndarray, rows: np.ndarray, inputs: Inputs, most: int) -> None:
    """Add blocks of whole cars of one make (or of several small ones), families side by side."""
    rows = rows[order_by_car(inputs.take(rows))]
    car, _, make = inputs.identities[rows].T
    if len(rows):
        starts = np.flatnonzero(np.r_[True, (np.diff(car) != 0) | (np.diff(make) != 0)])
        bins = np.repeat(_pack(np.diff(np.r_[starts, len(rows)]), most), np.diff(np.r_[starts, len(rows)]))
        for number in np.unique(bins):
            here = bins == number
            keys = {_car_key(one, maker) for one, maker in zip(car[here], make[here], strict=True)}
            plan.add(sorted(keys), rows[here])
    for maker in makers:
        plan.routes[f"make {maker}"], plan.cuts[f"make {maker}"] = [len(plan.rows) - 1], []


def _fit_block(
    inputs: Inputs, target: np.ndarray, folds: np.ndarray, settings: Mapping[str, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights and the held-out predictions of every fold by the other folds alone.

    Without the listings F, the inverse of the covariance of the rest R is P[R, R] − P[R, F] inverse(P[F, F]) P[F, R],
    and the mean at F is −inverse(P[F, F]) P[F, R] y[R], P the inverse over all (Rasmussen and Williams 2006, 5.4.2).
    Clipping, too, must see the rest alone: else a listing's price reaches its own estimate through its neighbours.
    """
    precision = _invert(inputs, settings)
    aging, clip = _aging(inputs, settings), settings["clip"]
    target = target.astype(FLOAT)
    held_out_predictions = np.zeros(len(target))
    for held_out in _fold_members(folds):
        without = _leave_out(precision, held_out)
        held_out_predictions[held_out] = without.predict(_clip_outliers(without, target, aging, clip))
    with_all = _leave_out(precision, np.zeros(0, dtype=int))
    return precision @ _clip_outliers(with_all, target, aging, clip), held_out_predictions


@dataclass(frozen=True)
class _Without:
    """The inverse of the covariance over all listings, and what it takes to leave some out: `factor` is their own part's.

    `diagonal` is that of the inverse over the rest alone, one where listings are left out.
    """

    precision: np.ndarray
    held_out: np.ndarray
    factor: np.ndarray
    diagonal: np.ndarray
    is_rest: np.ndarray

    def predict(self, target: np.ndarray) -> np.ndarray:
        """Return the mean at those left out, `target` being zero there."""
        pulled = (self.precision[self.held_out] @ target).astype(np.float64)
        return np.asarray(-linalg.cho_solve((self.factor, True), pulled, check_finite=False), dtype=FLOAT)

    def leave_one_out(self, target: np.ndarray) -> np.ndarray:
        """Return the mean at each of the rest by the others of the rest, `target` being zero elsewhere."""
        pulled = self.precision @ target + self.precision[:, self.held_out] @ self.predict(target)
        return np.asarray(target - pulled / self.diagonal)


def _leave_out(precision: np.ndarray, held_out: np.ndarray) -> _Without:
    is_rest = np.ones(len(precision), dtype=bool)
    is_rest[held_out] = False
    # Estimates need double precision here; the diagonal only says how far a residual may lie.
    factor = linalg.cholesky(precision[np.ix_(held_out, held_out)].astype(np.float64), lower=True, check_finite=False)
    diagonal = np.ones(len(precision), FLOAT)
    half = linalg.solve_triangular(factor.astype(FLOAT), precision[np.ix_(held_out, is_rest)], lower=True, check_finite=False)
    diagonal[is_rest] = np.diag(precision)[is_rest] - np.einsum("ij,ij->j", half, half)
    return _Without(precision, held_out, factor, diagonal, is_rest)


def _clip_outliers(without: _Without, target: np.ndarray, aging: np.ndarray, clip: float) -> np.ndarray:
    """Return the targets of the rest, zero elsewhere, with the residuals left by all others clipped."""
    rest = without.is_rest
    original = np.where(rest, target, FLOAT(0))
    used = original
    for _ in range(ROBUST_ROUNDS):
        predicted = without.leave_one_out(used)
        residuals = original - predicted
        limit = clip * 1.48 * aging * np.median(np.abs(residuals / aging)[rest])
        used = np.where(rest, predicted + np.clip(residuals, -limit, limit), FLOAT(0)).astype(FLOAT)
    return used


def _invert(inputs: Inputs, settings: Mapping[str, float]) -> np.ndarray:
    """Return the inverse of the covariance with noise; single precision may ask for more noise than was set."""
    prior = covariance(inputs, inputs, settings)
    noise = settings["noise"] * _aging(inputs, settings) ** 2
    for step in range(NOISE_STEPS):
        matrix = prior.copy()
        matrix[np.diag_indices_from(matrix)] += noise * 4**step
        factor, failed = linalg.lapack.spotrf(matrix, lower=1, overwrite_a=1)
        if not failed:
            inverse, _ = linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
            lower = np.tril(inverse)
            return np.asarray(lower + np.tril(lower, -1).T)
    raise np.linalg.LinAlgError(f"the covariance of {len(inputs)} listings cannot be inverted")


def _aging(inputs: Inputs, settings: Mapping[str, float]) -> np.ndarray:
    """Return how much more widely the prices of older cars scatter, as a factor."""
    return np.asarray(np.power(settings["aging"], -np.clip(inputs.year, -3, 3)), dtype=FLOAT)


def _fold_members(folds: np.ndarray) -> list[np.ndarray]:
    order = np.argsort(folds, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(folds[order])) + 1)


def _loss(samples: Sequence[_TrialBlock], settings: Mapping[str, float]) -> float:
    """Return the mean absolute error in log price plus the one in money over the mean price, of each listing by the other folds."""
    try:
        errors = np.concatenate([_fit_block(one.inputs, one.target, one.folds, settings)[1] - one.target for one in samples])
    except np.linalg.LinAlgError:
        return np.inf
    prices = np.exp(np.concatenate([one.target for one in samples]))
    return float(np.mean(np.abs(errors)) + np.mean(prices * np.abs(np.expm1(errors))) / prices.mean())


@dataclass(frozen=True)
class _TrialBlock:
    """Listings that settings are tried on, as one block."""

    inputs: Inputs
    target: np.ndarray
    folds: np.ndarray


def _draw_cars(cars: np.ndarray, blocks: int, rows: int, seed: int) -> list[np.ndarray]:
    """Return the rows of blocks of whole cars, drawn until there are so many, a car's share capped to a quarter of a block.

    Fewer listings are one block, or so many that each has about `rows`.
    """
    generator = np.random.default_rng(seed)
    if len(cars) <= rows:
        return [np.arange(len(cars))]
    drawn: list[np.ndarray] = []
    filled = 0
    for car in generator.permutation(np.unique(cars)):
        drawn.append(generator.permutation(np.flatnonzero(cars == car))[: rows // 4])
        filled += len(drawn[-1])
        if filled >= blocks * rows:
            break
    sizes = np.array([len(own) for own in drawn])
    parts = max(1, round(filled / rows))
    of_car = (np.cumsum(sizes) - sizes) * parts // filled
    return [
        np.sort(np.concatenate([own for own, part in zip(drawn, of_car, strict=True) if part == number]))
        for number in range(parts)
    ]


@dataclass(frozen=True)
class _Sides:
    """Left and right lined up for comparison: pairs of columns, multiplied by what a difference counts.

    `left_words` @ `right_words` is what differences in categories of few levels add up to; `words` are the others, each
    with its weight. Columns that are the same everywhere are left out.
    """

    year: tuple[np.ndarray, np.ndarray]
    log_mileage: tuple[np.ndarray, np.ndarray]
    told_mileage: tuple[np.ndarray, np.ndarray]
    numbers: list[tuple[np.ndarray, np.ndarray]]
    left_words: np.ndarray
    right_words: np.ndarray
    words: list[tuple[np.ndarray, np.ndarray, np.float32]]
    identities: list[tuple[np.ndarray, np.ndarray]]


def _line_up(left: Inputs, right: Inputs, value: Mapping[str, np.float32]) -> _Sides:
    numbers, words = [], []
    left_words, right_words = [np.zeros((len(left), 0), FLOAT)], [np.zeros((0, len(right)), FLOAT)]
    for column, (ours, theirs) in enumerate(zip(left.numbers.T, right.numbers.T, strict=True)):
        if _varies(ours, theirs):
            weight = value["number_decay"] * value.get(f"number {column}", FLOAT(1))
            numbers.append((ours * weight, theirs * weight))
    for column, (ours, theirs) in enumerate(zip(left.codes.T, right.codes.T, strict=True)):
        if _varies(ours, theirs):
            weight = value["category_decay"] * value.get(f"category {column}", FLOAT(1))
            levels = np.unique(theirs)
            if len(levels) > FEW_LEVELS:
                words.append((np.ascontiguousarray(ours), np.ascontiguousarray(theirs), weight))
            else:
                left_words.append((ours[:, None] != levels) * weight)
                right_words.append((levels[:, None] == theirs).astype(FLOAT))
    root = FLOAT(np.sqrt(3))
    return _Sides(
        year=_multiply(left.year, right.year, root / value["wide_year"]),
        log_mileage=_multiply(left.log_mileage, right.log_mileage, root / value["wide_mileage"]),
        told_mileage=_multiply(left.told_mileage, right.told_mileage, 1 / REPEAT_LOG_MILEAGE),
        numbers=numbers,
        left_words=np.hstack(left_words),
        right_words=np.vstack(right_words),
        words=words,
        identities=[_multiply(left.identities[:, i], right.identities[:, i], 1) for i in range(len(IDENTITIES))],
    )


def _covary(sides: _Sides, rows: slice, value: Mapping[str, np.float32], result: np.ndarray, room: np.ndarray) -> None:
    """Fill `result` with the covariance of these rows of the left; `room` is for what lies between."""
    decay, squared_years, squared_mileages, far, spare = room
    _decay(sides, rows, decay, spare)
    for (ours, theirs), squared in ((sides.year, squared_years), (sides.log_mileage, squared_mileages)):
        np.subtract(ours[rows, None], theirs, out=squared)
        np.square(squared, out=squared)
    same = [_same(ours[rows], theirs) for ours, theirs in sides.identities]

    np.sqrt(np.add(squared_years, squared_mileages, out=far), out=far)
    np.multiply(decay, -value["smooth_share"], out=result)
    np.exp(np.subtract(result, far, out=result), out=result)
    np.multiply(result, np.add(far, FLOAT(1), out=far), out=result)  # Matérn 3/2
    result *= _share(same, value, "wide", spare)

    np.sqrt(squared_years, out=far)
    far *= -value["wide_year"] / NARROW_YEARS
    np.exp(np.subtract(far, decay, out=spare), out=spare)
    np.subtract(FLOAT(1), far, out=far)
    far *= spare  # Matérn 3/2 here, too: smooth enough that the years of a car go together
    result += np.multiply(far, _share(same, value, "narrow", spare), out=far)

    columns, is_same = same[0]
    if is_same.size:
        result[:, columns] += is_same * (value["car_level"] + value["car_repeat"] * _repeats(sides, rows, columns, decay, value))


def _decay(sides: _Sides, rows: slice, decay: np.ndarray, spare: np.ndarray) -> None:
    """Fill `decay` with what the numbers and categories that differ add up to."""
    np.matmul(sides.left_words[rows], sides.right_words, out=decay)
    for ours, theirs in sides.numbers:
        decay += np.abs(np.subtract(ours[rows, None], theirs, out=spare), out=spare)
    for ours, theirs, weight in sides.words:
        decay += np.multiply(ours[rows, None] != theirs, weight, out=spare)


def _repeats(sides: _Sides, rows: slice, columns: slice, decay: np.ndarray, value: Mapping[str, np.float32]) -> np.ndarray:
    """Return how nearly these columns' listings are the very same as those of the rows, 0–1."""
    (our_years, their_years), (our_mileages, their_mileages) = sides.year, sides.told_mileage
    apart = np.abs(our_years[rows, None] - their_years[columns])
    apart *= value["wide_year"] / FLOAT(np.sqrt(3)) / REPEAT_YEARS
    apart += np.abs(our_mileages[rows, None] - their_mileages[columns])
    apart += 4 * decay[:, columns]
    return np.asarray(np.exp(np.negative(apart, out=apart), out=apart))


def _share(same: list[tuple[slice, np.ndarray]], value: Mapping[str, np.float32], kind: str, room: np.ndarray) -> np.ndarray:
    """Return how much two listings of a market, of a make, of a family and of a car have in common, added up."""
    room[:] = value[f"market_{kind}"]
    for name, (columns, is_same) in zip(IDENTITIES, same, strict=True):
        if f"{name}_{kind}" in value and is_same.size:
            room[:, columns] += is_same * value[f"{name}_{kind}"]
    return room


def _same(ours: np.ndarray, theirs: np.ndarray) -> tuple[slice, np.ndarray]:
    """Return the stretch of columns where any identity is shared, and which are; an unknown one is never shared."""
    shared = np.flatnonzero(np.isin(theirs, ours[ours >= 0]))
    columns = slice(shared[0], shared[-1] + 1) if len(shared) else slice(0, 0)
    return columns, (ours[:, None] == theirs[columns]) & (ours[:, None] >= 0)


def _varies(ours: np.ndarray, theirs: np.ndarray) -> bool:
    return bool(len(ours) and len(theirs) and ((ours != ours[0]).any() or (theirs != ours[0]).any()))


def _multiply(ours: np.ndarray, theirs: np.ndarray, factor: float | np.floating) -> tuple[np.ndarray, np.ndarray]:
    return ours * factor, theirs * factor


def _pack(sizes: np.ndarray, limit: int) -> np.ndarray:
    """Return a bin number for each size, in order, no bin beyond the limit."""
    bins, filled, number = np.zeros(len(sizes), dtype=int), 0, 0
    for i, size in enumerate(sizes):
        if filled and filled + size > limit:
            number, filled = number + 1, 0
        bins[i], filled = number, filled + size
    return bins
