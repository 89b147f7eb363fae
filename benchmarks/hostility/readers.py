"""Every reader of outside bytes, each with its hostile inputs: it gets one input, and returns how many rows were lost on the way."""

from __future__ import annotations

import configparser
import csv
import gzip
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import luigi.cmdline
import numpy as np
import pandas as pd
from hypothesis import strategies as st
from luigi.configuration import LuigiConfigParser
from luigi.task_register import Register

import pipeline
from benchmarks.hostility import inputs
from dashboard import batch, reading, valuing
from pipeline import champion, outbox, paths, serving, unattended
from pipeline.__main__ import COMMANDS, main
from pipeline.car_pricing import open_table
from pipeline.incremental import ledger
from pipeline.incremental.digests import digest_file, digest_value
from pipeline.incremental.manifest import FileRecord, Manifest
from pipeline.incremental.usage import refuse_mixed_names
from pipeline.market_files import load_market
from pipeline.sample import SamplePlan, write_deliveries
from pipeline.services import models
from pipeline.services.car_files import source_of
from pipeline.services.channels import Message
from pipeline.services.deliveries import list_deliveries
from pipeline.services.exports import guard_cell
from pipeline.services.tables import read_bytes, read_table
from pipeline.stages.ingest import ingest_rows, required_headers

MARKET = "sample"
NIGHT = "2025-01-11"
_QUICK = ("--Train-profile", "quick")
_LENIENT = ("--Promote-max-baseline-share", "100", "--Promote-min-judged", "20", "--Promote-coverage-margin-share", "0.5")
_RECORDS = ("current", "champion", "journal", "alerts", "alerts/outbox", "runs", "mlflow/receipts", "champion/receipts", "cache")


@dataclass(frozen=True)
class Reader:
    """A reader with what is thrown at it; `is_bound`: whether its input may name no file outside."""

    name: str
    values: st.SearchStrategy[Any]
    read: Callable[[Any], int]
    is_bound: bool = True


def build_project(root: Path) -> None:
    """Make a project in which a night was done, with a champion, and with a message that no channel has taken."""
    root.mkdir(parents=True, exist_ok=True)
    settings = (paths.PACKAGE.parent / "luigi.cfg").read_text(encoding="utf-8")
    log = f"logging_conf_file = {paths.PACKAGE / 'logging.cfg'}"
    (root / "luigi.cfg").write_text(re.sub(r"(?m)^logging_conf_file = .*$", lambda _: log, settings), encoding="utf-8")
    write_deliveries(root / "data/raw" / MARKET, SamplePlan(rows=600, nights=2, seed=0))
    command = [sys.executable, "-m", "luigi", "--module", "pipeline", "Nightly", "--market", MARKET, "--local-scheduler"]
    inherited = {name: value for name, value in os.environ.items() if name != "INCREMENTAL_RUN"}
    environment = {**inherited, "PYTHONPATH": str(paths.PACKAGE.parent), "OMP_NUM_THREADS": "1"}
    command += ["--as-of", NIGHT, *_QUICK, *_LENIENT]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    for path in [root, *root.rglob("*")]:  # results are read-only, and are spoilt here
        path.chmod(path.stat().st_mode | 0o200)


@contextmanager
def at_home(root: Path) -> Iterator[None]:
    """Work in a built project, with its settings."""
    before = Path.cwd()
    os.chdir(root)
    _forget_settings()
    try:
        if not list(paths.ALERTS.glob("outbox/*.json")):
            facts = {"market": MARKET, "night": NIGHT, "incidents": []}
            outbox.put(Message("waits", "title", "text", "2025-01-11T00:00:00+00:00", facts), ("notice",))
        yield
    finally:
        os.chdir(before)
        _forget_settings()


def list_readers(root: Path) -> list[Reader]:
    """Return all readers for a built project, in which this process works."""
    served = serving.resolve_model(MARKET)
    market = load_market(MARKET, tuple(paths.market_folders()))
    return [
        _deliveries(root / "hostile/raw"),
        _market_files(root / "hostile/markets"),
        _settings(),
        _files("manifests", sorted((path, path.read_text()) for path in root.glob("data/*/*/manifest.json"))),
        _files("records", _list_records(root)),
        _files("result documents", _list_documents(root)),
        _model_files(root / "hostile/model", Path(served.folder)),
        _uploads(served, market),
        _price_form(served, market),
        _command_lines(),
    ]


def _forget_settings() -> None:
    LuigiConfigParser._instance = None  # noqa: SLF001  # Luigi has no other way to read its settings anew
    Register.clear_instance_cache()


def count_records(text: str, separator: str) -> int:
    """Count the records below the header as RFC 4180 tells them apart, by a scanner that shares nothing with the readers'."""
    count, is_quoted, is_start, has_cells, place = 0, False, True, False, 0
    text = text.lstrip("\ufeff\r\n")
    while place < len(text):
        letter = text[place]
        if is_quoted:
            if letter == '"':
                if text[place + 1 : place + 2] == '"':
                    place += 1
                else:
                    is_quoted = False
        elif letter in "\r\n":
            count += has_cells
            is_start, has_cells = True, False
        elif letter == '"' and is_start:
            is_quoted, is_start, has_cells = True, False, True
        else:
            is_start, has_cells = letter == separator, True
        place += 1
    return count + has_cells - 1


def _unpack(content: bytes) -> bytes:
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def _deliveries(folder: Path) -> Reader:
    market = load_market(MARKET, tuple(paths.market_folders()))
    valid = "\n".join(next(iter(sorted(Path("data/raw", MARKET).glob("*.csv")))).read_text(encoding="utf-8").splitlines()[:13])
    folder.mkdir(parents=True, exist_ok=True)

    def read(content: bytes) -> int:
        (folder / "2025-01-11.csv").write_bytes(content)
        (delivery,) = list_deliveries(folder, market.files)
        raw = read_bytes(delivery.path)
        table = read_table(raw, market.files, required_headers(market))
        intake = ingest_rows(table.rows, table.unreadable, market, market.values_from_name(delivery.stem))
        account = intake.account
        kept = len(intake.accepted) + len(intake.rejected)
        counted = account["accepted"] + account["rejected"] + account["unreadable"]
        if not table.separator:  # no CSV: what its rows are is for its own format to say
            return abs(account["rows"] - counted) + abs(counted - kept)
        there = count_records(raw.decode(table.encoding), table.separator)
        return abs(there - kept) + abs(there - counted) + abs(there - account["rows"])

    return Reader("deliveries", st.one_of(inputs.tables(valid), inputs.tables(valid), _other_formats(valid)), read)


def _other_formats(valid: str) -> st.SearchStrategy[bytes]:
    """Draw spoilt JSON, parquet, zip and spreadsheet files of the same table."""
    header, *lines = list(csv.reader(io.StringIO(valid)))
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    frame = pd.DataFrame(rows)
    parquet, sheet = io.BytesIO(), io.BytesIO()
    frame.to_parquet(parquet)
    frame.to_excel(sheet, index=False)
    with zipfile.ZipFile(sheet) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    inner = st.sampled_from(sorted(members)).flatmap(
        lambda name: inputs.spoilt_bytes(members[name]).map(lambda spoilt: _zip({**members, name: spoilt}))
    )
    whole = [
        parquet.getvalue(),
        sheet.getvalue(),
        _zip({"a.csv": valid.encode()}),
        _zip({"a.csv": bytes(10**9)}, zipfile.ZIP_DEFLATED),
    ]
    json_lines = st.lists(inputs.spoilt_document(rows[0]), max_size=4).map(b"\n".join)
    return st.one_of(
        json_lines,
        inputs.spoilt_document(rows),
        inner,
        st.sampled_from(whole).flatmap(inputs.spoilt_bytes),
        st.sampled_from(whole),
    )


def _market_files(folder: Path) -> Reader:
    folder.mkdir(parents=True, exist_ok=True)
    texts = [path.read_text(encoding="utf-8") for path in sorted((paths.PACKAGE / "markets").glob("*.toml"))]
    values = st.sampled_from(texts).flatmap(lambda text: inputs.spoilt_lines(text, inputs.write_toml))

    def read(content: bytes) -> int:
        (folder / "drawn.toml").write_bytes(content)
        market = load_market("drawn", (folder, *paths.market_folders()))
        market.values_from_name("2025-01-11")
        market.for_ingest().feature_columns()
        return 0

    return Reader("market TOML", values | st.binary(max_size=200), read)


def _settings() -> Reader:
    place = Path("luigi.cfg").absolute()
    valid = place.read_text(encoding="utf-8")
    lines = "\n".join(line for line in valid.splitlines() if not line.startswith("#"))
    commands = st.sampled_from(
        (["status"], ["alerts"], ["explain"], ["price", "--make", "Dacia", "--model", "Logan", "--year", "2015"])
    )

    def read(drawn: tuple[bytes, list[str]]) -> int:
        place.write_bytes(drawn[0])
        _forget_settings()
        try:
            if _can_be_read():
                _run(drawn[1])
        finally:
            place.write_text(valid, encoding="utf-8")
            _forget_settings()
        return 0

    return Reader("luigi.cfg", st.tuples(inputs.spoilt_lines(lines), commands), read, is_bound=False)


def _can_be_read() -> bool:
    """Say whether the settings can be read at all: a command is told so as soon as it imports the project, before it runs."""
    with suppress(configparser.Error, UnicodeDecodeError):
        refuse_mixed_names()
        return True
    return False


def _list_records(root: Path) -> list[tuple[Path, str]]:
    found = [path for name in _RECORDS for path in sorted((root / "data" / name).glob("*.json*"))]
    return [(path, path.read_text(encoding="utf-8")) for path in found]


def _list_documents(root: Path) -> list[tuple[Path, str]]:
    found = [path for path in sorted(root.glob("data/*/*/*.json")) if path.name != "manifest.json" and "outbox" not in path.parts]
    return [(path, path.read_text(encoding="utf-8")) for path in found if re.fullmatch("[0-9a-f]{16}", path.parent.name)]


def _look_at_dashboard() -> None:
    """Read all that the dashboard's pages read of a market."""
    state = reading.read_market(MARKET)
    reading.list_versions(state)
    reading.list_verdicts(MARKET)
    reading.list_monitored(MARKET)
    reading.list_judged(state)
    reading.list_journal(MARKET)
    reading.list_incidents(MARKET)
    reading.list_waiting_nights(state)
    reading.index_results(MARKET)
    reading.list_damaged_runs(10)
    for record in reading.list_runs(10):
        reading.watch_run(record)
    for place in state.stages.values():
        reading.tell_damage(place)


def _look_at_ledger() -> None:
    for record in ledger.read_records(paths.DATA):
        ledger.read_record(paths.DATA, str(record["run"]))
    ledger.last_places(paths.DATA, MARKET, {"Train", "Evaluate"})
    ledger.close_killed(paths.workspace())
    champion.settle(MARKET)
    champion.needed_places()
    champion.highest_version(MARKET)


def _files(name: str, files: list[tuple[Path, str]]) -> Reader:
    """Return a reader of JSON files of a project, one of which is spoilt while something looks at all of them."""
    looks: dict[str, Callable[[], object]] = {
        "status": lambda: _run(["status"]),
        "alerts": lambda: _run(["alerts"]),
        "explain": lambda: _run(["explain", "Nightly", "--as-of", NIGHT, *_QUICK, *_LENIENT]),
        "gc": lambda: _run(["gc", "--dry-run", "--keep", "1"]),
        "dashboard": _look_at_dashboard,
        "ledger": _look_at_ledger,
    }
    strategies = [
        st.tuples(st.just(place), _spoil(text) | inputs.spoilt_bytes(text.encode()), st.sampled_from(sorted(looks)))
        for place, (_, text) in enumerate(files)
    ]

    def read(drawn: tuple[int, bytes, str]) -> int:
        path, valid = files[drawn[0]]
        path.write_bytes(drawn[1])
        try:
            looks[drawn[2]]()
        finally:
            path.write_text(valid, encoding="utf-8")
            paths.workspace.cache_clear()
        return 0

    return Reader(name, st.one_of(strategies), read)


def _spoil(text: str) -> st.SearchStrategy[bytes]:
    """Spoil a JSON document, or one line of many."""
    try:
        return inputs.spoilt_document(json.loads(text))
    except ValueError:
        lines = [json.loads(line) for line in text.splitlines()]
        return st.lists(st.sampled_from(lines).flatmap(inputs.spoilt_document), max_size=3).map(b"\n".join)


def _model_files(folder: Path, made: Path) -> Reader:
    folder.mkdir(parents=True, exist_ok=True)
    valid = (made / models.MODEL_FILE).read_bytes()
    with zipfile.ZipFile(io.BytesIO(valid)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members["schema.json"])
    bombs = [_bomb(members, size) for size in (1_200_000_000,)]
    arrays = sorted(name for name in members if name.endswith(".npy"))
    other_schema = inputs.spoilt_document(schema).map(lambda spoilt: _zip({**members, "schema.json": spoilt}))
    other_array = st.tuples(st.sampled_from(arrays), _spoilt_array()).map(lambda drawn: _zip({**members, drawn[0]: drawn[1]}))
    other_name = st.tuples(st.sampled_from(sorted(members)), inputs.words).map(lambda drawn: _rename(members, *drawn))
    values = st.one_of(inputs.spoilt_bytes(valid), other_schema, other_schema, other_array, other_name, st.sampled_from(bombs))

    def read(content: bytes) -> int:
        path = folder / models.MODEL_FILE
        path.write_bytes(content)
        record = FileRecord(digest_file(path), path.stat().st_size, path.stat().st_mtime_ns)  # forged as well as can be
        Manifest("Train", digest_value({}), {}, {path.name: record}, "run", "2024-01-01T00:00:00+00:00", 1.0).write(folder)
        models.load_model(folder)
        return 0

    return Reader("model files", values, read)


def _zip(members: dict[str, bytes], packing: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, packing)
    return buffer.getvalue()


def _rename(members: dict[str, bytes], name: str, word: str) -> bytes:
    other = word.replace("\0", "")[:60_000] or "x"
    return _zip({other if known == name else known: content for known, content in members.items()})


def _bomb(members: dict[str, bytes], size: int) -> bytes:
    """Pack a model one of whose arrays unpacks to so many zeros."""
    name = next(name for name in members if name.endswith(".npy"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for known, content in members.items():
            with archive.open(zipfile.ZipInfo(known, (1980, 1, 1, 0, 0, 0)), "w", force_zip64=True) as member:
                member._compressor = zipfile._get_compressor(zipfile.ZIP_DEFLATED, 9)  # type: ignore[attr-defined]  # noqa: SLF001
                member._zinfo.compress_type = zipfile.ZIP_DEFLATED  # type: ignore[attr-defined]  # noqa: SLF001
                if known == name:
                    np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": (size // 8,)})
                    for _ in range(size // 10_000_000):
                        member.write(bytes(10_000_000))
                else:
                    member.write(content)
    return buffer.getvalue()


def _spoilt_array() -> st.SearchStrategy[bytes]:
    """Draw an .npy file whose header promises what is not there, or other kinds of values."""

    def write(drawn: tuple[str, tuple[int, ...], bytes]) -> bytes:
        stream = io.BytesIO()
        np.lib.format.write_array_header_1_0(stream, {"descr": drawn[0], "fortran_order": False, "shape": drawn[1]})
        return stream.getvalue() + drawn[2]

    kinds = st.sampled_from(("<f8", "|O", "<U1000000000", "|S0", "|V8", "<i8", "<M8[ns]"))
    shapes = st.sampled_from(((10**12,), (-1,), (0,), (3,), (2**40, 2**40), (1, 1, 1), ()))
    plain = io.BytesIO()
    np.save(plain, np.arange(4.0))
    return st.tuples(kinds, shapes, st.binary(max_size=40)).map(write) | inputs.spoilt_bytes(plain.getvalue())


def _uploads(served: serving.ServedModel, market: Any) -> Reader:
    valid = batch.write_template(served.model, market).decode("utf-8-sig")
    header, row = valid.splitlines()
    table = "\n".join([header, *[row] * 6])

    def read(drawn: tuple[str, bytes]) -> int:
        name, content = drawn
        priced = batch.price_upload(content, name, served, market, lambda *_: None)
        told = open_table(source_of(content, priced.name, batch.MAX_BYTES), market)
        there = count_records(_unpack(content).decode(told.encoding), told.separator)
        written = list(csv.reader(io.StringIO(priced.priced.decode(), newline=""), delimiter=told.separator))
        if any(cell != guard_cell(cell) for line in written for cell in line):
            raise AssertionError("a cell that a spreadsheet would run")
        return abs(there - sum(priced.counts.values())) + abs(there - (len(written) - 1))

    return Reader("uploaded tables", st.tuples(inputs.file_names, inputs.tables(table)), read)


def _price_form(served: serving.ServedModel, market: Any) -> Reader:
    model = served.model
    makes = valuing.list_makes(model)
    columns = [column for column in model.choice.columns if column not in ("make", "model", "mileage_km")]
    known = st.sampled_from(makes).flatmap(
        lambda make: st.tuples(st.just(make), st.sampled_from(valuing.list_models(model, make)))
    )
    more = st.dictionaries(st.sampled_from(columns), inputs.words | st.sampled_from(("2015", "diesel", "yes")), max_size=5)
    kilometres = st.floats(min_value=0, allow_nan=False, allow_infinity=False).map("{:.10g}".format)  # as the form writes them

    def read(drawn: tuple[tuple[str, str], dict[str, str], str | None]) -> int:
        (make, name), more, mileage = drawn
        car = {"make": make, "model": name, "year": "2015", **more} | ({"mileage_km": mileage} if mileage else {})
        outcomes = valuing.price_cars(served, market, [car])
        if outcomes[0].estimate is not None:
            valuing.follow_age(served, market, car)
            valuing.follow_mileage(served, market, car)
        return 1 - len(outcomes)

    return Reader("price form", st.tuples(known | st.tuples(inputs.words, inputs.words), more, st.none() | kilometres), read)


def _command_lines() -> Reader:
    files = ("cars.csv", "none.csv", "data", "luigi.cfg", "out.csv", "out.csv.gz", "=x.csv", "-x", "a\nb.csv")
    Path("cars.csv").write_text("make,model,year\nDacia,Logan,2015\n", encoding="utf-8")
    named = (
        "--market",
        "--as-of",
        "--from",
        "--to",
        "--reason",
        "--lift",
        "--keep",
        "--seed",
        "--at",
        "--port",
        "--make",
        "--model",
    )
    more = (
        "--year",
        "--mileage-km",
        "--format",
        "--Train-level",
        "--Train-profile",
        "--Split-test-share",
        "--workers",
        "--engine-l",
    )
    flags = ("--test", "--dry-run", "--why", "--cron", "--systemd", "--launchd", "--help", "-h", "--", "--module", "pipeline")
    valued = st.tuples(st.sampled_from((*named, *more)), inputs.words | st.sampled_from((MARKET, NIGHT, "1", "csv", "0.5")))
    small = st.tuples(st.sampled_from(("--rows", "--nights")), st.sampled_from(("0", "-1", "x", "9" * 5000, "1e9", "٣", "3")))
    paths_given = st.tuples(st.sampled_from(("--input", "--output", "--into")), st.sampled_from(files))
    tasks = st.sampled_from(list(pipeline.__all__)).map(lambda name: (name,))
    pieces = (
        valued
        | small
        | paths_given
        | tasks
        | st.sampled_from(flags).map(lambda flag: (flag,))
        | inputs.words.map(lambda word: (word,))
    )
    arguments = st.lists(pieces, max_size=6).map(lambda drawn: [_as_argument(word) for piece in drawn for word in piece])
    commands = st.sampled_from(sorted(COMMANDS)) | inputs.words.map(_as_argument)

    def read(drawn: tuple[str, list[str]]) -> int:
        # What works for hours, or for ever, is stopped where it would begin.
        with (
            patch.object(unattended.Tonight, "run", lambda _: 0),
            patch.object(unattended.NightRunner, "run", lambda *_: unattended.Outcome(0)),
            patch.object(luigi.cmdline, "luigid", lambda _: None),
        ):
            _run([drawn[0], *drawn[1]])
        return 0

    return Reader("command lines", st.tuples(commands, arguments), read)


def _as_argument(word: str) -> str:
    """Return what a shell can hand over of a word."""
    return os.fsdecode(word.replace("\0", "0").encode("utf-8", "surrogatepass"))


def _run(arguments: list[str]) -> int:
    """Run one command of ours as a terminal would: what cannot be encoded is found out."""
    with (
        io.TextIOWrapper(io.BytesIO(), "utf-8") as printed,
        io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace") as said,
        redirect_stdout(printed),
        redirect_stderr(said),
    ):
        return main(arguments)
