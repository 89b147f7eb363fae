"""The car-price pipeline. Importing it shows Luigi the tasks and gives it our worker."""

from pipeline.incremental.worker import install
from pipeline.tasks import Check, Clean, Evaluate, Ingest, NoDelivery, Score, Split, Train

__all__ = ["Check", "Clean", "Evaluate", "Ingest", "NoDelivery", "Score", "Split", "Train"]

install()
