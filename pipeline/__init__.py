"""The car-price pipeline. Importing it shows Luigi the tasks and gives it our worker."""

import configparser
import sys

try:
    from pipeline.incremental.usage import refuse_mixed_names
    from pipeline.incremental.worker import install
    from pipeline.tasks import (
        Check,
        Clean,
        Evaluate,
        Ingest,
        Monitor,
        Nightly,
        NoDelivery,
        Promote,
        Report,
        Score,
        Split,
        Train,
        Trial,
        Tune,
    )

    refuse_mixed_names()
except (configparser.Error, UnicodeDecodeError) as error:  # Luigi reads its settings as soon as it is imported
    sys.stderr.write(f"luigi.cfg cannot be read: {' '.join(str(error).split())}\n")
    raise SystemExit(2) from None

__all__ = [
    "Check",
    "Clean",
    "Evaluate",
    "Ingest",
    "Monitor",
    "Nightly",
    "NoDelivery",
    "Promote",
    "Report",
    "Score",
    "Split",
    "Train",
    "Trial",
    "Tune",
]

install()
