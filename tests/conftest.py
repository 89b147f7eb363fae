"""What holds for every test: one OpenMP thread, signals that are heard, and Hypothesis drawing the same examples every time."""

import os
import signal

from hypothesis import settings

# scikit-learn reads it when it is first imported; no test imports it before this file.
os.environ["OMP_NUM_THREADS"] = "1"

# Under nohup, or started with `&` by a script, tests would begin commands that hear neither Ctrl-C nor a closed terminal.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

settings.register_profile("repeatable", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("searching", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
