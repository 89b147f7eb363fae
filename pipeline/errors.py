"""The errors that a user can mend, each named after its condition and mapped to an exit code."""

from pipeline.incremental.errors import UserError

__all__ = [
    "AlreadyRunning",
    "ClusterFailed",
    "ColumnMissing",
    "DeliverySetAside",
    "DeliveryUnreadable",
    "FolderUnreadable",
    "MarketInvalid",
    "MarketUnknown",
    "NoUsableDelivery",
    "TooFewListings",
    "TooManyRejections",
    "UsageWrong",
    "UserError",
    "WorkerDiffers",
]


class AlreadyRunning(UserError):
    """Something that must be alone is not."""

    exit_code = 10


class UsageWrong(UserError):
    """An option has a value that it cannot have."""

    exit_code = 2


class ClusterFailed(UserError):
    """The Dask cluster is not there, or cannot do what was asked of it."""


class WorkerDiffers(UserError):
    """A Dask worker would compute by another Python, library or code than this process."""


class MarketUnknown(UserError):
    """No TOML file describes the market that was asked for."""

    exit_code = 2


class MarketInvalid(UserError):
    """A market's TOML holds something that it must not."""

    exit_code = 2


class NoUsableDelivery(UserError):
    """No delivery of the market holds a row that could be accepted."""

    exit_code = 20


class FolderUnreadable(UserError):
    """A folder of deliveries may not be read, so that no one knows what it holds."""

    exit_code = 20


class DeliveryUnreadable(UserError):
    """A delivery cannot be read as a table at all; it is set aside whole."""


class ColumnMissing(DeliveryUnreadable):
    """A delivery lacks a column that the market requires."""


class DeliverySetAside(UserError):
    """A delivery cannot be used, and the market says that the run must not go on without it."""


class TooManyRejections(UserError):
    """A larger share of the rows was rejected than the market allows."""


class TooFewListings(UserError):
    """There are not enough listings to train or to judge a model."""
