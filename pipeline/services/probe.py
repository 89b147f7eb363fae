"""The probe: a fresh process that loads a model from its files alone and prices given listings.

What a long-lived process holds in memory proves nothing of what is on disk: a promoted model is loaded by others.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from pipeline.errors import UserError

_COLUMNS = ["estimate", "low", "high"]
# Relative. As when they were judged, one thread adds up: sums in another order can carry a car over the edge of a tree's leaf, which moves its
# estimate by up to 4e-5 (1 to 5 of 700 on kijiji_ca). How many are asked at a time moves it by 1e-13, as sums over a block are of double precision.
_TOLERANCE = 1e-9
_FROM_OUTSIDE = (
    signal.SIGKILL,
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
)  # a crash of its own is SIGSEGV, SIGABRT and the like
_TEMPORARY = 75  # EX_TEMPFAIL of sysexits.h


class ProbeEnded(UserError):
    """The fresh process could not do its work for a reason that is not the model's: nothing is known of the model."""


def find_complaint(folder: Path, listings: pd.DataFrame, judged: pd.DataFrame, max_seconds: int) -> str | None:
    """Let a fresh process price `listings` and say what is wrong beside `judged` (estimate, low, high, in the same order); None: nothing.

    Raises ProbeEnded where it was killed from outside, or the disk failed: a verdict on that would stand for the whole night.
    """
    with TemporaryDirectory() as scratch:
        asked, answered = Path(scratch, "asked.parquet"), Path(scratch, "answered.parquet")
        listings.to_parquet(asked)
        command = [sys.executable, "-m", "pipeline.services.probe", str(folder), str(asked), str(answered)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=max_seconds, check=False)  # noqa: S603  # our own module
        except subprocess.TimeoutExpired:
            return f"A fresh process did not load the model and price {len(listings)} cars within {max_seconds} seconds."
        if -done.returncode in _FROM_OUTSIDE:
            raise ProbeEnded(
                f"The fresh process that was to load {folder} was ended by signal {-done.returncode}: someone did, or memory ran out. "
                "No verdict was made: run again."
            )
        if done.returncode == _TEMPORARY:
            raise ProbeEnded(
                f"The fresh process that was to load {folder} could not: {done.stderr.strip()}. No verdict was made: run again."
            )
        if done.returncode or not answered.exists():
            said = (done.stderr.strip() or "nothing").splitlines()[-1]
            return f"A fresh process could not load the model and price {len(listings)} cars. It said: {said}"
        found = pd.read_parquet(answered)
    differs = ~np.isclose(found[_COLUMNS], judged[_COLUMNS], rtol=_TOLERANCE, atol=0, equal_nan=True).all(axis=1)
    if differs.any():
        place = int(np.argmax(differs))
        return (
            f"A fresh process prices {int(differs.sum())} of {len(listings)} cars otherwise than when they were judged, the first at "
            f"{found['estimate'].iloc[place]:,.2f} instead of {judged['estimate'].iloc[place]:,.2f}."
        )
    return None


def main() -> int:
    """Load the model of a folder, price the listings of one file, and write the estimates into another."""
    from threadpoolctl import threadpool_limits

    from pipeline.services import models

    folder, asked, answered = map(Path, sys.argv[1:4])
    try:
        with threadpool_limits(1):
            models.load_model(folder).estimate(pd.read_parquet(asked)).to_parquet(answered)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"{error.strerror or error}\n")
        return _TEMPORARY
    return 0


if __name__ == "__main__":
    sys.exit(main())
