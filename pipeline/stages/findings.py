"""Findings: the closed list of what Monitor may find, and what each means for prices and asks of a person."""

from __future__ import annotations

from collections.abc import Mapping

STALE_DELIVERY, EMPTY_DELIVERY = "stale-delivery", "empty-delivery"
NO_CHAMPION, STALE_CHAMPION = "no-champion", "stale-champion"
VOLUME, REJECTED = "volume", "rejected"
ABSENT_COLUMN, UNKNOWN_HEADER, EMPTIED_COLUMN = "absent-column", "unknown-header", "emptied-column"
MOVED_VALUES, LOST_VALUES = "moved-values", "lost-values"
LOST_CATEGORY, NEW_CATEGORY = "lost-category", "new-category"
DRIFT, ESTIMATES_DRIFT = "drift", "estimates-drift"
CHAMPION_ERROR, CHAMPION_COVERAGE = "champion-error", "champion-coverage"

# What it means for prices, and what to do. `{}` is what the finding is about.
_MEANING: Mapping[str, tuple[str, str]] = {
    NO_CHAMPION: (
        "Nothing of this market is priced.",
        "See why the newest model was refused: `python -m pipeline status` and the report say it.",
    ),
    STALE_CHAMPION: (
        "Estimates follow the market as it was then; what the market did since is not in them.",
        "See in the report why newer models were not made or were refused; until one is promoted, do not trade on these prices unexamined.",
    ),
    STALE_DELIVERY: (
        "The list of cars for sale is as old: sold cars are still in it, new ones and new prices are not.",
        "Find out why the source delivers no rows, and put the missing deliveries where they belong. [delivery] stale_after_days in the market's TOML is the limit.",
    ),
    EMPTY_DELIVERY: (
        "The cars for sale and their prices are those of the last delivery that gave any.",
        "Look whether the source was down or its collector broke; fetch the night again, or mend what the market's TOML says of the file.",
    ),
    VOLUME: (
        "Where cars are missing they are not sold but unseen: the list of cars for sale is not whole, and every share is taken of another mixture.",
        "Look whether the night was collected whole, and fetch it again where it was not.",
    ),
    REJECTED: (
        "Those adverts have no price and teach the model nothing.",
        "Look at the rejected rows (rejected.parquet of the delivery): mend the source, or the column or rule in the market's TOML.",
    ),
    ABSENT_COLUMN: (
        "No new advert has this value: estimates of new cars do without it and are wider or worse.",
        "If the source renamed the column, add its new header to `headers` of [columns.{}] in the market's TOML.",
    ),
    UNKNOWN_HEADER: (
        "The column is not read. Prices change only where it holds what another column held before.",
        "If it is a new name of a column, add it to that column's `headers` in the market's TOML; if not, to [rows] unused.",
    ),
    EMPTIED_COLUMN: (
        "Estimates of these cars do without this value and are wider or worse.",
        "Look at the column {} in the newest file: either the source no longer fills it, or it writes other words.",
    ),
    MOVED_VALUES: (
        "What stands in another column was sent home where only one could mean it; what two columns could mean is lost or misread.",
        "Compare the newest file's header with its cells: the collector moves cells. Mend it at the source.",
    ),
    LOST_VALUES: (
        "Estimates of these cars do without this value.",
        "Look at the unreadable cells (the account's examples show one): add the new words or the format to the column in the market's TOML.",
    ),
    LOST_CATEGORY: (
        "Those cars are no longer in the list of cars for sale, though hardly all of them were sold.",
        "Look whether the source or its collector leaves them out, or spells {} in another way.",
    ),
    NEW_CATEGORY: (
        "The model has not learnt these words: such cars are refused, or priced by less than is known of them.",
        "If it is another spelling, add it to `values` of [columns.{}] in the market's TOML; if it is new on the market, models learn it by and by.",
    ),
    DRIFT: (
        "The cars for sale are a mixture that the model has not learnt from, or the values of {} mean something else than before.",
        "Compare {} of the newest delivery with the nights before: another unit or format is the source's fault; another market is for the next model to learn.",
    ),
    ESTIMATES_DRIFT: (
        "The champion now sees a dearer or cheaper mixture of cars than on the nights before: either the market moved, or the columns it prices by.",
        "Look at the other findings first; where there are none, sample some cars and see whether their estimates make sense.",
    ),
    CHAMPION_ERROR: (
        "Estimates of new adverts are worse than the champion's figures say: deals among them may be errors.",
        "Look at the new adverts with the largest errors; if they are right, train a model on newer data or roll back.",
    ),
    CHAMPION_COVERAGE: (
        "Intervals of new adverts are too narrow: ratings claim more than is known.",
        "Look at the new adverts outside their intervals; if they are right, train a model on newer data or roll back.",
    ),
}
KINDS = tuple(_MEANING)


def make_finding(kind: str, subject: str, text: str) -> dict[str, str]:
    """Return a finding; kind and subject name the same incident on every night that has it, so neither may hold a figure or a date."""
    means, do = (words.replace("{}", subject) for words in _MEANING[kind])
    return {"kind": kind, "subject": subject, "text": text, "means": means, "do": do}
