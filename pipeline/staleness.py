"""Whether the prices of a market are stale today, for all that shows them: by what the runs have seen, without looking at deliveries."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from luigi import configuration

from pipeline.current import read_current
from pipeline.intake import read_newest
from pipeline.market import Arrival
from pipeline.services import clock
from pipeline.stages.freshness import tell_stale

if TYPE_CHECKING:
    from pipeline.serving import ServedModel


def resolve_dated(market: str, delivery: Arrival) -> ServedModel:
    """Load the champion of a market, with why its prices are stale today. Raises what `resolve_model` raises."""
    from pipeline.serving import resolve_model  # whoever asks for an age alone need not load what models need

    served = resolve_model(market)
    return replace(served, stale=tell_stale_prices(market, served.as_of, delivery))


def tell_stale_prices(market: str, data_as_of: str, delivery: Arrival) -> str:
    """Say why the prices of a model that rests on data as of a night are stale today, "" where they are not."""
    newest = max(newest_seen(market), data_as_of)
    oldest = configuration.get_config().getint("Promote", "max_data_age_days", 30)
    return tell_stale(clock.today().isoformat(), newest, data_as_of, delivery.stale_after_days, oldest)


def newest_seen(market: str) -> str:
    """Return the night of the newest delivery with rows among the current results, "" where none is known."""
    pointer = read_current(market)
    place = pointer.stages.get("check", "") if pointer else ""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return read_newest(Path(place))
    return ""
