"""Price one car, or every row of a CSV file, with the market's current model."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from pipeline.market import Market
    from pipeline.pricing import Outcome, Pricer
    from pipeline.reasons import Reasons

_AVERAGED = "prices are averaged over what the nearest adverts have, and intervals are wider for it"
CHUNK = 20_000  # rows that are read, priced and written at once: what a file needs of memory
_EPILOG = """
One car: every column of the market's TOML that a model may use is an option under its canonical name (--fuel petrol,
--engine-l 1.5, --has-abs yes) and may be given as COLUMN=VALUE, also under the market's own header ("Année-Modèle=2015").
Words are the market's ("Essence") or ours ("petrol"). A number under a canonical name is in the unit of that name, under
the market's header in the market's unit; any other unit may be written: 120k, "75,000 mi", "120 000 km", "100 kW".

A file: CSV or CSV packed with gzip, in the market's columns or the canonical ones; a price column is not needed. Every
row comes out in order with its own cells, then estimate, low, high, currency, status (priced, extrapolated, refused,
unreadable) and reason, in UTF-8; JSON is one object a line. Cells that a spreadsheet would run (they begin with
= + - @ and are no number) get an apostrophe in front. A refusal is an answer: the exit code is 0.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; the market's columns are options too, and are looked up when the market is known."""
    parser.usage = "python -m pipeline price [--market M] (--make … --model … --year … [COLUMN=VALUE …] | --input CARS.csv)"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.allow_abbrev = False
    parser.add_argument("--market", help="the market (default: [pipeline] market of luigi.cfg)")
    for name, meaning in (("make", "who built it"), ("model", "what it is called"), ("year", "model year")):
        parser.add_argument(f"--{name}", action=_Once, help=meaning)
    parser.add_argument(
        "--mileage-km", action=_Once, metavar="KM", help='how far it has been driven; "75,000 mi" and 120k are understood'
    )
    parser.add_argument("--input", type=Path, metavar="FILE", help="price every row of this CSV file")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there (default: the screen); .gz packs it")
    parser.add_argument("--format", choices=("table", "csv", "json"), help="default: table for one car, csv for a file")
    parser.add_argument("--why", action="store_true", help="one car: what moved its price, and the adverts nearest to it")
    parser.set_defaults(more=[])


class _Once(argparse.Action):
    """An option that may be given once: of two values nobody knows which was meant."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, value: Any, option: str | None = None
    ) -> None:
        """Keep the value, or end where there was one."""
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option} is given twice.")
        setattr(namespace, self.dest, value)


def run(options: argparse.Namespace) -> int:
    """Price what was asked for; a row that cannot be priced says why and is no failure."""
    from pipeline import paths, settings
    from pipeline.market_files import load_market

    name = options.market or settings.pipeline().market
    market = load_market(name, tuple(paths.market_folders()))
    cells = _read_cells(options, name, market)
    _refuse_contradictions(options, cells)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup asks for
            signal.signal(number, _end)
    try:
        return _price_file(options, name, market) if options.input else _price_car(options, name, market, cells)
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stderr.close()
        return 141


def _end(number: int, _frame: object) -> None:
    """End as Ctrl-C does, so that no half-written file is left."""
    raise SystemExit(128 + number)


def _read_cells(options: argparse.Namespace, name: str, market: Market) -> dict[str, str]:
    """Return the cells of one car by header, in the order given."""
    from pipeline.errors import UsageWrong
    from pipeline.market import fold_header
    from pipeline.stages import cars

    declared = {header: getattr(options, header) for header in ("make", "model", "year", "mileage_km")}
    cells = {header: value for header, value in declared.items() if value is not None}
    for written, value in _pair(options.more):
        header = _find_column(written, name, market)
        if fold_header(header) in map(fold_header, cells):
            raise UsageWrong(f"{written} is given twice.")
        cells[header] = value
    for header, column in cars.name_doubled(list(cells), market).items():
        raise UsageWrong(f"{header} and {column} tell the same: give one of them.")
    for header, value in cells.items():
        if any(letter < " " or "\ud800" <= letter <= "\udfff" for letter in value):  # a byte that is no UTF-8 comes as the latter
            raise UsageWrong(f"{header} {value!r} holds characters that are no text.")
    return cells


def _pair(more: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Pair options with their values: `--fuel petrol`, `--fuel=petrol`, `fuel=petrol`."""
    from pipeline.errors import UsageWrong

    words = iter(more)
    for word in words:
        name, is_pair, value = word.partition("=")
        if word.startswith("--") and not is_pair:
            given = next(words, None)
            if given is None:
                raise UsageWrong(f"{word} needs a value.")
            value = given
        elif not is_pair:
            raise UsageWrong(f"{word!r} is neither an option nor COLUMN=VALUE.")
        yield name, value


def _find_column(written: str, name: str, market: Market) -> str:
    from pipeline.errors import UsageWrong
    from pipeline.stages import cars

    header = cars.column_named(written.removeprefix("--"), market)
    if header is None:
        near = cars.name_unknown([written.removeprefix("--")], market)
        nearest = next((f" Did you mean {known!r}?" for known in near.values() if known), "")
        known = ", ".join(f"--{column.replace('_', '-')}" for column in market.columns if column != "price")
        raise UsageWrong(f"{written} is no option and no column of {name}.{nearest} Columns of {name}: {known}.")
    return header


def _refuse_contradictions(options: argparse.Namespace, cells: dict[str, str]) -> None:
    from pipeline.errors import UsageWrong

    if options.why and (options.input is not None or options.format == "csv"):
        raise UsageWrong("--why is for one car, as a table or as json.")
    if options.input is None:
        if not cells:
            raise UsageWrong("Name a car (--make, --model, --year, …) or a file of cars (--input).")
        if options.output is not None:
            raise UsageWrong("--output is for a file of cars: name it with --input.")
        return
    if cells:
        raise UsageWrong(f"Either one car or a file: {', '.join(cells)} cannot be given with --input.")
    if options.format == "table":
        raise UsageWrong("--format table is for one car; a file is priced as csv or json.")
    are_there = options.output is not None and options.output.exists() and options.input.exists()
    if are_there and options.output.samefile(options.input):
        raise UsageWrong(f"--output {options.output} is the input itself, which is never overwritten. Name another.")


def _price_car(options: argparse.Namespace, name: str, market: Market, cells: dict[str, str]) -> int:
    from pipeline.errors import UsageWrong
    from pipeline.services import exports
    from pipeline.stages import cars
    from pipeline.staleness import resolve_dated

    headers, record = list(cells), list(cells.values())
    absent = cars.find_absent(headers, market, {})
    if absent:
        raise UsageWrong(f"A price needs make, model and year: give {', '.join(f'--{column}' for column in absent)} too.")
    served = resolve_dated(name, market.delivery)

    from pipeline.pricing import Pricer  # seconds of imports, which no slip should wait for
    from pipeline.reasons import read_listings

    pricer = Pricer(served, market, headers)
    with _one_thread():
        (outcome,) = pricer.price([record])
        reasons = pricer.reason(record, read_listings(name)) if options.why and outcome.estimate is not None else None
    with exports.standard_output() as stream:
        if options.format in ("csv", "json"):
            _writer(options.format, stream, headers, ",", pricer, reasons)([record], [outcome])
        else:
            stream.write(_draw(pricer, name, record, outcome, reasons))
    if options.format == "csv":
        sys.stderr.write(f"Priced by {pricer.served.tell()}.\n")
    return 0


def _price_file(options: argparse.Namespace, name: str, market: Market) -> int:
    from pipeline.car_pricing import STATUSES, open_table, price_rows
    from pipeline.pricing import Pricer
    from pipeline.services import exports
    from pipeline.services.deliveries import stem_of
    from pipeline.staleness import resolve_dated

    started_s = time.perf_counter()
    table = open_table(options.input, market)
    _warn_unknown(table.headers, name, market)
    counts = dict.fromkeys(STATUSES, 0)
    with exports.replaced(options.output) if options.output else exports.standard_output() as stream:
        pricer = Pricer(resolve_dated(name, market.delivery), market, table.headers, stem_of(options.input.name))
        if pricer.untold:
            sys.stderr.write(f"Warning: no column tells {', '.join(pricer.untold)}: {_AVERAGED}.\n")
        write = _writer(options.format or "csv", stream, table.headers, table.separator, pricer)
        with _progress(table.lines - 1) as advance:
            for records, outcomes in price_rows(pricer, table, CHUNK):
                write(records, outcomes)
                for outcome in outcomes:
                    counts[outcome.status] += 1
                advance(len(records))
    told = ", ".join(f"{count:,} {status}" for status, count in counts.items())
    sys.stderr.write(f"Priced by {pricer.served.tell()}.\n")
    sys.stderr.write(f"{sum(counts.values()):,} rows: {told}; {time.perf_counter() - started_s:.1f} s.\n")
    return 0


def _warn_unknown(headers: list[str], name: str, market: Market) -> None:
    """Warn of columns that nobody knows, and of those that tell what another tells."""
    from pipeline.stages import cars

    for header, column in cars.name_doubled(headers, market).items():
        sys.stderr.write(
            f"Warning: column {header[:80]!r} is not used: it tells {column}, for which there is a column of that name.\n"
        )
    for header, near in cars.name_unknown(headers, market).items():
        hint = f": did you mean {near!r}?" if near else "."
        sys.stderr.write(f"Warning: column {header[:80]!r} is not known in {name}, and is not used{hint}\n")


def _writer(
    form: str, stream: TextIO, headers: list[str], separator: str, pricer: Pricer, reasons: Reasons | None = None
) -> Callable[[Any, Any], None]:
    """Return what writes records with their outcomes; writes the header of a CSV at once."""
    import json

    from pipeline.car_pricing import csv_writer, fill_record, name_outcomes

    if form != "json":
        return csv_writer(stream, headers, separator)
    ours = name_outcomes(headers)

    def write_json(records: Sequence[Sequence[str]], outcomes: Sequence[Outcome]) -> None:
        facts = {"priced_by": pricer.served.facts(), **(reasons.plain() if reasons else {})}
        for record, outcome in zip(records, outcomes, strict=True):
            cells = fill_record(record, len(headers))
            line = dict(zip(headers, cells, strict=True)) | dict(zip(ours, outcome, strict=True)) | facts
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")

    return write_json


def _draw(pricer: Pricer, name: str, record: list[str], outcome: Outcome, reasons: Reasons | None) -> str:
    """Return one car's outcome as a small table."""
    understood = ", ".join(f"{column} {_write_value(column, value)}" for column, value in pricer.understand(record).items())
    lines = [("car", understood), ("market", name)]
    if outcome.estimate is not None:
        level = getattr(pricer.served.model, "level", None)
        meant = f" (meant to hold {level:.0%} of the prices)" if level else ""
        lines.append(("estimate", f"{outcome.estimate:,} {outcome.currency}"))
        lines.append(("interval", f"{outcome.low:,} – {outcome.high:,} {outcome.currency}{meant}"))
    lines.append(("status", outcome.status))
    if outcome.reason:
        lines.append(("reason", outcome.reason))
    if reasons:
        lines.extend(reasons.lines(outcome.currency))
    lines.append(("model", pricer.served.tell()))
    return "".join(f"{title:<9} {text}\n" for title, text in lines)


def _write_value(column: str, value: Any) -> str:
    if not isinstance(value, float):
        return "yes" if value is True else "no" if value is False else str(value)
    return f"{value:g}" if column == "year" else f"{value:,.10g}"


def _one_thread() -> Any:
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)  # two on busy cores are many times slower than one


class _progress:  # noqa: N801  # a context manager that reads as a function
    """A bar on a terminal, nothing elsewhere."""

    def __init__(self, total: int) -> None:
        self._bar: Any = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            tqdm.monitor_interval = 0
            self._bar = tqdm(total=max(total, 1), unit=" rows", unit_scale=True, leave=False, file=sys.stderr, dynamic_ncols=True)

    def __enter__(self) -> Callable[[int], Any]:
        return self._bar.update if self._bar is not None else lambda _: None

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
