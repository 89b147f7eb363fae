"""Which deliveries a night has: the one that is expected, those that were missed, and those that are ahead of their time."""

from __future__ import annotations

import time
from datetime import date, timedelta

from pipeline import current, paths
from pipeline.market import Market
from pipeline.services.deliveries import Delivery, list_deliveries

SETTLE_S = 10.0  # a file that was written to within so many seconds may not be whole yet


def expected_night(terms: Market, night: date) -> date:
    """Return the date that the delivery of a night bears."""
    return night - timedelta(days=terms.delivery.lag_days)


def is_awaited(market: str, terms: Market, night: date) -> bool:
    """Say whether the delivery of a night is still to come, or still being written. Nothing is awaited where no delivery is dated."""
    deliveries = list_deliveries(paths.deliveries(market), terms.files)
    wanted = expected_night(terms, night).isoformat()
    found = [delivery for delivery in deliveries if delivery.night == wanted]
    if found:
        return not all(map(_is_settled, found))
    return any(delivery.night for delivery in deliveries)


def list_missed(market: str, terms: Market, night: date, limit: int) -> list[date]:
    """Return the newest `limit` nights, in order, that have a delivery and no results: after the last good night and before this one."""
    pointer = current.read_current(market)
    if pointer is None or not pointer.as_of:
        return []
    nights = {delivery.night for delivery in list_deliveries(paths.deliveries(market), terms.files)}
    missed = sorted(found for found in nights if pointer.as_of < found < night.isoformat())
    return [date.fromisoformat(found) for found in missed[-limit:]] if limit else []


def list_ahead(market: str, terms: Market, night: date) -> list[str]:
    """Return the names of deliveries that are dated after a night, and so are left out of it."""
    deliveries = list_deliveries(paths.deliveries(market), terms.files)
    return [delivery.name for delivery in deliveries if delivery.night > night.isoformat()]


def _is_settled(delivery: Delivery) -> bool:
    try:
        return not 0 <= time.time() - delivery.path.stat().st_mtime < SETTLE_S
    except OSError:
        return False
