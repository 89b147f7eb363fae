"""Blend: non-negative weights of members that sum to one, learnt on out-of-fold predictions."""

from __future__ import annotations

import numpy as np

FINEST_STEP = 0.01


def learn_weights(predictions: np.ndarray, logs: np.ndarray, towards_equal: float) -> np.ndarray:
    """Return the weights of the columns of `predictions` (log prices) with the least loss, drawn towards equal ones.

    The loss is the mean absolute error on log price plus the mean absolute error in money over the mean price.
    """
    count = predictions.shape[1]
    weights = np.full(count, 1 / count)
    best, step = _loss(predictions @ weights, logs), 0.2
    while step > FINEST_STEP:
        improved = False
        for column in range(count):
            for change in (step, -step):
                trial = weights.copy()
                trial[column] = max(trial[column] + change, 0)
                if trial.sum() <= 0:
                    continue
                trial /= trial.sum()
                loss = _loss(predictions @ trial, logs)
                if loss < best - 1e-7:
                    best, weights, improved = loss, trial, True
        step = step if improved else step / 2
    return np.asarray((1 - towards_equal) * weights + towards_equal / count)


def _loss(predicted: np.ndarray, logs: np.ndarray) -> float:
    prices = np.exp(logs)
    in_money = np.mean(np.abs(np.exp(predicted) - prices)) / prices.mean()
    return float(np.mean(np.abs(predicted - logs)) + in_money)
