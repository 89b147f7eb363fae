"""What holds for every test: one OpenMP thread, and Hypothesis drawing the same examples every time."""

import os

from hypothesis import settings

# scikit-learn reads it when it is first imported; no test imports it before this file.
os.environ["OMP_NUM_THREADS"] = "1"

settings.register_profile("repeatable", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("searching", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
