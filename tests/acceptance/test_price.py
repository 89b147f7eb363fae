"""`price`, by the real command: one car, files, and whatever is wrong with either."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shlex
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from pipeline.incremental.digests import digest_value
from pipeline.sample import SamplePlan, write_deliveries
from pipeline.services.deliveries import night_of
from tests.acceptance.conftest import CAN_BE_BOUND, Project, new_project

COMMAND = (sys.executable, "-m", "pipeline", "price")
OURS = ["estimate", "low", "high", "currency", "status", "reason"]
CAR = ("--make", "Dacia", "--model", "Logan", "--year", "2015", "--mileage-km", "120k", "--fuel", "diesel")
CARS = (
    "Marque,Modèle,Année-Modèle,Kilométrage,note\n"
    "Dacia,Logan,2015,100 000 - 109 999,first\n"
    "Dacia,Logan,2015,75 000 mi,=1+1\n"
    "Dacai,Logan,2015,100 000,\n"
    "Dacia,Logan\n"
    "Dacia,Logan,2060,100 000,x\n"
    "Dacia,Logan,2015,-5,x,more\n"
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose sample market has a model; tests that harm it take a copy."""
    project = new_project(tmp_path_factory.mktemp("priced") / "project")
    write_deliveries(project.root / "data/raw/sample", SamplePlan(rows=600, nights=3))
    code, printed = project.promote("--Train-max-listings", "0")
    assert code == 0, printed
    return project


@pytest.fixture
def harmed(trained: Project, tmp_path: Path) -> Project:
    """A copy of that project, which may be changed."""
    root = tmp_path / "project"
    shutil.copytree(trained.root, root)
    for path in [*root.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return Project(root)


@pytest.fixture
def cars(tmp_path: Path) -> Path:
    path = tmp_path / "cars.csv"
    path.write_text(CARS, encoding="utf-8")
    return path


def price(project: Project, *arguments: str | Path, code: int = 0, **environment: object) -> str:
    """Run the command, which must end with that code and without a traceback; return what it printed."""
    found, printed = project.run(*COMMAND, *arguments, **{"PIPELINE_TODAY": "2025-01-09", **environment})
    assert found == code, printed
    assert "Traceback" not in printed, printed
    return printed


def read(path: Path) -> list[dict[str, str]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_one_car_for_a_person_and_for_a_program(trained: Project) -> None:
    shown = price(trained, *CAR)
    assert "mileage_km 120,000" in shown
    assert "fuel diesel" in shown
    assert " MAD" in shown
    assert "version 1, data as of " in shown

    told = json.loads(price(trained, *CAR, "--format", "json"))
    assert told["status"] == "priced"
    assert told["low"] < told["estimate"] < told["high"]
    assert f"{told['estimate']:,} MAD" in shown
    folder = json.loads((trained.root / "data/current/sample.json").read_text())["stages"]["train"]
    assert told["priced_by"]["folder"] == folder
    assert told["priced_by"]["fingerprint"].startswith(Path(folder).name)
    assert told["priced_by"]["as_of"] == max(night_of(path.name) for path in trained.root.glob("data/raw/sample/*"))

    theirs = ("Marque=Dacia", "Modèle=Logan", "Année-Modèle=2015", "--Kilométrage", "120 000 km", "Type de carburant=Diesel")
    assert json.loads(price(trained, *theirs, "--format", "json"))["estimate"] == told["estimate"]
    assert f",{told['estimate']}," in price(trained, *CAR, "--format", "csv")


def test_what_moved_a_price_adds_up_to_it_and_real_adverts_stand_beside_it(trained: Project) -> None:
    code, printed = trained.run(*COMMAND, *CAR, "--why", "--format", "json")
    assert code == 0, printed
    told = json.loads(printed)
    explanation = told["explanation"]
    moved = explanation["typical_estimate"] + sum(change["amount"] for change in explanation["contributions"])
    assert moved == pytest.approx(explanation["estimate"])
    assert round(explanation["estimate"]) == told["estimate"]
    assert {advert["make"] for advert in told["comparables"]} == {"Dacia"}
    code, printed = trained.run(*COMMAND, *CAR, "--why")
    assert code == 0
    assert "the typical car of its make and model" in printed
    assert trained.run(*COMMAND, *CAR, "--why", "--format", "csv")[0] == 2


def test_a_file_comes_out_row_by_row_with_its_own_cells(trained: Project, cars: Path, tmp_path: Path) -> None:
    output = tmp_path / "priced.csv"
    printed = price(trained, "--input", cars, "--output", output)
    rows = read(output)
    assert list(rows[0]) == ["Marque", "Modèle", "Année-Modèle", "Kilométrage", "note", *OURS]
    assert [row["status"] for row in rows] == ["priced", "priced", "refused", "unreadable", "refused", "unreadable"]
    assert [row["note"] for row in rows] == ["first", "'=1+1", "", "", "x", "x"]
    assert all(bool(row["estimate"]) == (row["status"] == "priced") for row in rows)
    reasons = [row["reason"] for row in rows]
    assert reasons[2] == "make 'Dacai' is not among the 23 makes learnt from (nearest: 'Dacia')"
    assert reasons[3] == "row has 2 cells and the header 5"
    assert reasons[4] == "year above 2027: '2060'"
    assert reasons[5] == "row has 6 cells and the header 5; beyond the last column: 'more'"
    assert "6 rows: 2 priced, 0 extrapolated, 2 refused, 2 unreadable" in printed
    assert "column 'note' is not known in sample" in printed
    assert "Priced by version 1, data as of " in printed


def test_gzip_json_and_the_screen_hold_the_same(trained: Project, cars: Path, tmp_path: Path) -> None:
    packed = tmp_path / "cars.csv.gz"
    packed.write_bytes(gzip.compress(CARS.encode(), mtime=0))
    price(trained, "--input", cars, "--output", tmp_path / "priced.csv")
    price(trained, "--input", packed, "--output", tmp_path / "priced.csv.gz")
    assert read(tmp_path / "priced.csv") == read(tmp_path / "priced.csv.gz")
    assert (tmp_path / "priced.csv").read_text() in price(trained, "--input", cars)
    price(trained, "--input", cars, "--format", "json", "--output", tmp_path / "priced.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "priced.jsonl").read_text().splitlines()]
    assert [line["estimate"] for line in lines] == [
        int(row["estimate"]) if row["estimate"] else None for row in read(tmp_path / "priced.csv")
    ]
    assert lines[1]["note"] == "=1+1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--market", "smaple", *CAR), "did you mean 'sample'?"),
        (("--market", "uk", *CAR), "There is no champion of uk yet, so nothing may price."),
        ((), "Name a car"),
        (("--make", "Dacia"), "give --model, --year too"),
        ((*CAR, "--fule", "petrol"), "Did you mean 'fuel'?"),
        ((*CAR, "--fuel", "diesel"), "--fuel is given twice"),
        ((*CAR, "--doors"), "--doors needs a value"),
        ((*CAR, "doors"), "'doors' is neither an option nor COLUMN=VALUE"),
        ((*CAR, "--output", "x.csv"), "--output is for a file of cars"),
        ((*CAR, "--input", "x.csv"), "Either one car or a file"),
        (("--input", "none.csv"), "There is no file none.csv"),
        (("--input", "data"), "data is no regular file"),
        (("--input", "luigi.cfg", "--output", "luigi.cfg"), "is the input itself"),
    ],
)
def test_a_slip_is_one_message_and_exit_2(trained: Project, arguments: tuple[str, ...], message: str) -> None:
    assert message in price(trained, *arguments, code=2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (CARS.splitlines()[0].encode(), "holds a header and no rows"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "NUL bytes"),
        (CARS.encode("utf-16"), "or UTF-16"),
        (CARS.replace("Marque", "Marqe", 1).encode(), "is it 'Marqe'?"),
        (gzip.compress(CARS.encode(), mtime=0)[:-9], "the gzip is damaged or cut short"),
        ((CARS + '"open').encode(), "never closed"),
    ],
)
def test_a_file_that_is_no_table_of_cars_is_refused_and_nothing_is_written(trained, tmp_path, content, message) -> None:
    path, output = tmp_path / "bad.csv", tmp_path / "priced.csv"
    path.write_bytes(content)
    assert message in price(trained, "--input", path, "--output", output, code=2)
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_value_is_an_answer(trained: Project) -> None:
    told = json.loads(price(trained, *CAR[:6], "--mileage-km", "very many", "--format", "json"))
    assert (told["status"], told["estimate"], told["reason"]) == ("refused", None, "mileage_km unreadable: 'very many'")
    told = json.loads(price(trained, *CAR[:6], "--mileage-km", "-5", "--format", "json"))
    assert told["reason"] == "mileage_km below 0: '-5'"
    told = json.loads(price(trained, *CAR[:8], "--fuel", "steam", "--format", "json"))
    assert told["status"] == "priced"
    assert told["reason"].startswith("fuel 'steam' is not known: left out; fuel, ")


def test_stale_prices_say_so_in_every_form(trained: Project, cars: Path, tmp_path: Path) -> None:
    why = "the newest delivery with rows is of 2025-01-08, 8 days before 2025-01-16; 7 are allowed"
    later = {"PIPELINE_TODAY": "2025-01-16"}
    assert f"STALE: {why}" in price(trained, *CAR, **later)
    told = json.loads(price(trained, *CAR, "--format", "json", **later))
    assert told["reason"].endswith(f"; stale: {why}")
    assert told["priced_by"]["stale"] == why
    price(trained, "--input", cars, "--output", tmp_path / "priced.csv", **later)
    rows = read(tmp_path / "priced.csv")
    assert {why in row["reason"] for row in rows if row["status"] in ("priced", "extrapolated")} == {True}
    assert {why in row["reason"] for row in rows if row["status"] in ("refused", "unreadable")} == {False}
    told = json.loads(price(trained, *CAR, "--format", "json", PIPELINE_TODAY="2025-01-15"))
    assert "stale" not in told["reason"]
    assert told["priced_by"]["stale"] == ""


def test_a_model_that_was_tampered_with_is_not_loaded(harmed: Project) -> None:
    (model,) = harmed.root.glob("models/*/model.skops")
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    printed = price(harmed, *CAR, code=30)
    assert "was altered after it was committed" in printed
    assert "python -m pipeline rollback --market sample" in printed
    shutil.rmtree(model.parent)
    assert "is gone or holds no manifest" in price(harmed, *CAR, code=30)


def test_a_model_of_other_library_versions_is_not_loaded(harmed: Project) -> None:
    (path,) = harmed.root.glob("models/*/manifest.json")
    manifest = json.loads(path.read_text())
    manifest["recipe"]["libraries"]["scikit-learn"] = "1.0.0"
    known, manifest["fingerprint"] = manifest["fingerprint"], digest_value(manifest["recipe"])
    path.write_text(json.dumps(manifest))
    champion = harmed.root / "data/champion/sample.json"
    champion.write_text(champion.read_text().replace(known, manifest["fingerprint"]))
    printed = price(harmed, *CAR, code=30)
    assert "was made by scikit-learn 1.0.0 (installed: " in printed
    assert "It is not replaced by default" in printed


def test_an_output_folder_that_is_not_there_is_said_before_any_work(trained: Project, cars: Path) -> None:
    assert "Make it first" in price(trained, "--input", cars, "--output", cars.parent / "none/priced.csv", code=2)


def test_no_room_leaves_the_old_file_as_it_was(trained: Project, tmp_path: Path) -> None:
    path, output = tmp_path / "cars.csv", tmp_path / "priced.csv"
    path.write_text(CARS.splitlines()[0] + "\n" + "Dacia,Logan,2015,100 000,x\n" * 900, encoding="utf-8")
    output.write_text("old")
    printed = price(trained, "--input", path, "--output", output, code=30, no_room=True)
    assert "Make room there and run again" in printed.strip().splitlines()[-1]
    assert output.read_text() == "old"
    assert sorted(tmp_path.iterdir()) == [path, output]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_screen_is_said(trained: Project, cars: Path) -> None:
    code, printed = trained.run("sh", "-c", f"{shlex.join(COMMAND)} --input {shlex.quote(str(cars))} >/dev/full")
    assert code == 30, printed
    assert "cannot write the standard output" in printed


@pytest.mark.parametrize(
    "command", ["status", "explain Evaluate", "alerts", "schedule --cron", "price --make Dacia --model Logan --year 2015"]
)
@pytest.mark.parametrize("closed", [">&-", ">/dev/full"])
def test_an_output_that_takes_nothing_is_said_and_no_success(trained: Project, command: str, closed: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    code, printed = trained.run("sh", "-c", f"{shlex.join([*COMMAND[:-1], *shlex.split(command)])} {closed}")
    assert code == 30, printed
    assert "Traceback" not in printed, printed
    assert "Make room" in printed


def test_a_file_is_priced_though_the_screen_is_closed(trained: Project, cars: Path, tmp_path: Path) -> None:
    output = tmp_path / "priced.csv"
    command = shlex.join([*COMMAND, "--input", str(cars), "--output", str(output)])
    code, printed = trained.run("sh", "-c", f"{command} >&-")
    assert code == 0, printed
    assert len(read(output)) == len(CARS.splitlines()) - 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_ended_half_way_it_leaves_nothing_half_written(trained: Project, tmp_path: Path, number: signal.Signals) -> None:
    path, output = tmp_path / "cars.csv", tmp_path / "priced.csv"
    path.write_text(CARS.splitlines()[0] + "\n" + "Dacia,Logan,2015,100 000,x\n" * 400_000, encoding="utf-8")
    output.write_text("old")
    running = trained.start(*COMMAND, "--input", path, "--output", output)
    until = time.monotonic() + 60
    while not any(draft.stat().st_size for draft in tmp_path.glob(".*")) and time.monotonic() < until:
        time.sleep(0.05)
    running.send_signal(number)
    printed, _ = running.communicate(timeout=60)
    assert running.returncode == 128 + number, printed
    assert "Traceback" not in printed
    assert output.read_text() == "old"
    assert sorted(tmp_path.iterdir()) == [path, output]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--year", "2015", "--year", "2016"), "--year is given twice"),
        (("--year", "2015", "Année-Modèle=2016"), "Année-Modèle and year tell the same"),
        (("--year", "2015", "--mileage-km", "120000", "Kilométrage=5"), "Kilométrage and mileage_km tell the same"),
        (("--year", "2015", "--market", ""), "--market '' names no market"),
    ],
)
def test_two_values_for_one_thing_are_refused(trained: Project, arguments: tuple[str, ...], said: str) -> None:
    assert said in price(trained, "--make", "Dacia", "--model", "Logan", *arguments, code=2)


def test_what_is_not_told_of_a_car_is_averaged_over_and_named(trained: Project, cars: Path) -> None:
    told = json.loads(price(trained, *CAR, "--format", "json"))
    (sentence,) = (part for part in told["reason"].split("; ") if part.endswith("not told: averaged over the nearest adverts"))
    untold = sentence.partition(" not told")[0].split(", ")
    assert "gearbox" in untold
    assert not {"make", "model", "year", "mileage_km", "fuel"} & set(untold)
    assert "Warning: no column tells fuel, fiscal_power_cv, gearbox" in price(trained, "--input", cars)

    why = json.loads(price(trained, *CAR, "--why", "--format", "json"))["explanation"]
    changes = {change["feature"]: change["amount"] for change in why["contributions"]}
    assert not set(untold) & set(changes), "what is not told moves no price"
    assert why["typical_estimate"] + sum(changes.values()) == pytest.approx(told["estimate"], abs=1)

    told_all = [f"{name}=yes" if name.startswith(("has_", "first_")) else f"{name}=2" for name in untold]
    shown = json.loads(price(trained, *CAR, *told_all, "--format", "json"))
    assert shown["estimate"], "where there is no price, nothing is said of what it rests on"
    assert "averaged" not in shown["reason"]


def test_a_column_that_tells_what_another_tells_is_named(trained: Project, tmp_path: Path) -> None:
    path = tmp_path / "cars.csv"
    path.write_text("make,model,year,Année-Modèle\nDacia,Logan,2015,2016\n", encoding="utf-8")
    assert "column 'Année-Modèle' is not used: it tells year" in price(trained, "--input", path)


def test_a_priced_file_may_be_priced_again_and_again(trained: Project, cars: Path, tmp_path: Path) -> None:
    before = cars
    for number in range(4):
        output = tmp_path / f"priced{number}.csv"
        price(trained, "--input", before, "--output", output)
        before = output
    header = before.read_text(encoding="utf-8").splitlines()[0].split(",")
    assert len(header) == len(set(header)) == len(CARS.splitlines()[0].split(",")) + 24


def test_whoever_has_seen_enough_may_stop_reading(trained: Project, tmp_path: Path) -> None:
    path = tmp_path / "cars.csv"
    path.write_text(CARS.splitlines()[0] + "\n" + "Dacia,Logan,2015,100 000,x\n" * 30_000, encoding="utf-8")
    code, printed = trained.run("sh", "-c", f"{shlex.join(COMMAND)} --input {shlex.quote(str(path))} | head -1")
    assert code == 0
    assert "Traceback" not in printed


@pytest.mark.skipif(not CAN_BE_BOUND, reason="root is bound by no permissions, and setpriv is not here to change that")
def test_a_folder_one_may_not_write_is_named(trained: Project, cars: Path, tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    printed = price(trained, "--input", cars, "--output", folder / "priced.csv", code=30, bound_by_permissions=True)
    assert "Permission denied" in printed
    assert not list(folder.iterdir())
