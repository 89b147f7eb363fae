"""What a market is, as its TOML describes it, cut into the parts that each stage depends on."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Literal

import msgspec

from pipeline import listing
from pipeline.listing import Kind

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class Files(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which files are deliveries, and how their bytes are read: the first encoding and separator that fit win."""

    patterns: tuple[str, ...] = ("*.csv", "*.csv.gz")
    encodings: tuple[str, ...] = ("utf-8", "latin-1")
    separators: tuple[str, ...] = (",", ";", "\t")


class Rows(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What holds for every column."""

    missing: tuple[str, ...] = ("",)
    decimal_mark: Literal[".", ","] = "."
    unused: tuple[str, ...] = ()  # headers that are known and left out


class LargeUnit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The unit in which numbers above a bound are written: engines above 100 are in cc, those below in litres."""

    unit: str
    above: float


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where one canonical column comes from and which values it may take.

    A row takes the first of the `headers` whose cell can be read. `values` is a closed vocabulary unless other words
    are kept. `units` are words that may stand before or after a number, each the name of a unit or a factor: "mi", "lakh".
    """

    headers: tuple[str, ...] = ()
    file_name: str = ""
    kind: Kind | None = None
    required: bool = False
    parser: Literal["plain", "range"] = "plain"
    pattern: str = ""
    date_format: str | tuple[str, ...] = "%Y-%m-%d"
    decimal_mark: Literal["", ".", ","] = ""  # that of [rows]
    unit: str = ""
    units: dict[str, str | Annotated[float, msgspec.Meta(gt=0)]] = {}
    large_unit: LargeUnit | None = None
    limits: tuple[float, float] | None = None
    values: dict[str, str | bool] = {}
    others: Literal["missing", "keep"] = "missing"
    missing: tuple[str, ...] = ()
    feature: bool = True

    @property
    def date_formats(self) -> tuple[str, ...]:
        """The formats of its dates: the first that fits wins."""
        return (self.date_format,) if isinstance(self.date_format, str) else self.date_format


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rejects rows that say all of this: a word of each column in `words`, a number within each pair of `between`."""

    reason: str
    words: dict[str, tuple[str | bool, ...]] = {}
    between: dict[str, tuple[float, float]] = {}


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which columns say that two listings describe the same car; all descriptive ones when none are named."""

    twins: tuple[str, ...] = ()


class Demands(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the whole intake must satisfy before anything is built on it."""

    max_rejected_share: Share = 0.2
    min_accepted_rows: Count = 50
    may_set_aside: bool = True  # whether the run goes on without a delivery that cannot be read


class Arrival(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a night's delivery comes: dated `lag_days` before the night, waited for, and without which prices grow stale."""

    wait_minutes: Annotated[float, msgspec.Meta(ge=0)] = 0  # how long `nightly` waits for it
    must_arrive: bool = False  # whether the night fails without it, or goes on and says so
    lag_days: Annotated[int, msgspec.Meta(ge=0)] = 0
    stale_after_days: Count = 7  # age of the newest delivery with rows from which prices are marked stale


class Market(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One source of adverts."""

    title: str
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
    columns: dict[str, Column]
    synthetic: bool = False
    files: Files = Files()
    rows: Rows = Rows()
    reject: tuple[Rule, ...] = ()
    identity: Identity = Identity()
    check: Demands = Demands()
    delivery: Arrival = Arrival()

    def kind(self, name: str) -> Kind:
        """Return the kind of one of this market's columns."""
        return self.columns[name].kind or listing.COLUMNS[name]

    def canonical_columns(self) -> dict[str, Kind]:
        """Return the columns of an accepted row in their fixed order, with their kinds; a range adds its ends."""
        kinds = {name: self.kind(name) for name in self.columns}
        for name, column in self.columns.items():
            if column.parser == "range":
                kinds |= dict.fromkeys(range_ends(name), "number")
        known = [name for name in listing.COLUMNS if name in kinds]
        return {name: kinds[name] for name in [*known, *sorted(kinds.keys() - set(known))]}

    def for_ingest(self) -> Market:
        """Return the part that decides what becomes of a row, everything else at its default."""
        columns = {name: msgspec.structs.replace(column, feature=True) for name, column in self.columns.items()}
        files = msgspec.structs.replace(self.files, patterns=())
        identity = Identity(twins=tuple(self.twin_columns()))
        return Market(
            title="", currency="XXX", columns=columns, files=files, rows=self.rows, reject=self.reject, identity=identity
        )

    def values_from_name(self, stem: str) -> dict[str, str]:
        """Return what a delivery's name, without its ending, says about all its rows."""
        found = {name: re.search(column.file_name, stem) for name, column in self.columns.items() if column.file_name}
        return {name: match.group(1) if match else "" for name, match in found.items()}

    def twin_columns(self) -> list[str]:
        """Return the columns that describe the car, by which twins are known."""
        described = [name for name, kind in self.canonical_columns().items() if kind not in ("date", "text") and name != "price"]
        return sorted(self.identity.twins or described)

    def feature_columns(self) -> dict[str, Kind]:
        """Return the columns that a model may use, with their kinds."""
        return {
            name: kind
            for name, kind in self.canonical_columns().items()
            if name not in listing.NEVER_FEATURES
            and listing.is_feature_kind(kind)
            and (name not in self.columns or self.columns[name].feature)
        }


def range_ends(name: str) -> tuple[str, str]:
    """Name the columns of a range's low and high end: mileage_km gives mileage_low_km and mileage_high_km."""
    stem, _, unit = name.rpartition("_")
    return f"{stem}_low_{unit}", f"{stem}_high_{unit}"


def fold_header(header: str) -> str:
    """Return the form in which two headers are compared: blanks, letter case and the spelling of accents aside."""
    return " ".join(unicodedata.normalize("NFC", header).split()).casefold()
