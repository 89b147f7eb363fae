"""Whatever is thrown at it, the real command says what is wrong and what to do, and builds nothing half."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.acceptance.conftest import CAN_BE_BOUND, REPOSITORY, SMALL, Project

HEADER = "make,model,year,price,km,fuel"
MARKET = """
title = "Shop"
currency = "EUR"

[files]
encodings = ["utf-8"]
separators = [",", ";"]

[columns]
make = { headers = ["make"] }
model = { headers = ["model"] }
year = { headers = ["year"], limits = [1950, 2027] }
price = { headers = ["price"], limits = [100, 500_000], missing = ["0"] }
mileage_km = { headers = ["km", "mileage"], limits = [0, 1_000_000], missing = ["0"] }
fuel = { headers = ["fuel"], values = { petrol = "petrol", diesel = "diesel" } }

[check]
min_accepted_rows = 5
max_rejected_share = 0.5
"""


def cars(number: int, make: str = "Audi") -> str:
    """Write that many rows, no two alike."""
    lines = [f"{make},A{row % 4},{2000 + row % 20},{5000 + 10 * row},{1000 * row + 1},petrol" for row in range(number)]
    return "\n".join([HEADER, *lines]) + "\n"


GOOD = cars(60)
QUOTED = GOOD.replace("Audi,A3", 'Audi,"A3', 1)


class Shop:
    """A project with a market of our own, one good delivery, and room for bad ones."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.raw = project.root / "data/raw/shop"
        self.raw.mkdir(parents=True)
        (project.root / "markets").mkdir()
        self.describe(MARKET)
        self.deliver("good.csv", GOOD)

    def describe(self, toml: str) -> None:
        (self.project.root / "markets/shop.toml").write_text(toml, encoding="utf-8")

    def deliver(self, name: str, content: str | bytes) -> Path:
        path = self.raw / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def run(self, task: str = "Check", *options: str, **environment: object) -> tuple[int, str]:
        code, printed = self.project.luigi(
            task, "--market", "shop", "--pipeline-markets", "markets", "--local-scheduler", *options, **environment
        )
        assert "Traceback" not in printed, printed
        return code, printed

    def rejected(self) -> pd.DataFrame:
        return pd.concat([pd.read_parquet(path) for path in self.project.root.glob("data/ingest/*/rejected.parquet")])

    def account(self) -> dict:
        (path,) = self.project.root.glob("data/check/*/account.json")
        return json.loads(path.read_text())


@pytest.fixture
def shop(project: Project) -> Shop:
    return Shop(project)


SET_ASIDE = [
    pytest.param(b"", "the file is empty", id="empty"),
    pytest.param(b"\xef\xbb\xbf\r\n", "the file is empty", id="only a byte-order mark"),
    pytest.param(HEADER, "it holds a header and no rows", id="header only"),
    pytest.param(GOOD.replace("price,", "", 1), "the header lacks price ('price')", id="missing column"),
    pytest.param(
        GOOD.replace("price", "prise", 1), "is it 'prise'? Then add that to the headers of [columns.price]", id="renamed"
    ),
    pytest.param(
        GOOD.replace("fuel", "fuels", 1), "the header 'fuels' is unknown, and 'fuel' is absent", id="optional column renamed"
    ),
    pytest.param(GOOD.replace("km", "make", 1), "the header names 'make' more than once", id="duplicate column"),
    pytest.param(GOOD.encode("utf-16"), "the mark of utf-16: say [files] encodings", id="wrong encoding"),
    pytest.param(GOOD.partition("\n")[2], "its first line is no header but a row, 'Audi,A0,2000,5000,1,petrol'", id="no header"),
    pytest.param(GOOD.replace("Audi", "Škoda", 3).encode("iso8859-2"), "the bytes are not utf-8", id="another encoding"),
    pytest.param(
        GOOD.replace(",", "|"),
        "the header is not parted by ',' or ';' but by '|': add that to [files] separators",
        id="wrong separator",
    ),
    pytest.param(QUOTED, "is never closed", id="open quote"),
    pytest.param(GOOD.replace("A3", "A\0"), "is NUL: this is no text file", id="NUL bytes"),
    pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)), "the bytes are not utf-8", id="binary"),
    pytest.param(gzip.compress(GOOD.encode(), mtime=0)[:-20], "the gzip is damaged or cut short", id="truncated gzip"),
    pytest.param(
        "\n".join([HEADER.replace(",", ";"), *[f"Audi;A3;{2000 + row};85.000,50;7;petrol" for row in range(20)]]),
        "(price unreadable: 20, as in row 1: '85.000,50'); mend the file, or the columns and limits in the market's TOML, "
        "or say [rows] decimal_mark = ','",
        id="wrong decimal mark",
    ),
]


@pytest.mark.parametrize(("content", "reason"), SET_ASIDE)
def test_a_bad_delivery_beside_a_good_one_is_set_aside_whole_with_its_reason(shop: Shop, content, reason) -> None:
    shop.deliver("bad.csv", content)

    code, printed = shop.run()

    assert code == 0, printed
    (line,) = [line for line in printed.splitlines() if "set aside bad.csv" in line]
    assert reason in line
    assert shop.account()["accepted"] == 60


def test_a_bad_delivery_alone_exits_20_with_its_reason_last(shop: Shop) -> None:
    (shop.raw / "good.csv").unlink()
    shop.deliver("bad.csv", gzip.compress(GOOD.encode(), mtime=0)[:-20])

    code, printed = shop.run("Evaluate")

    assert code == 20, printed
    assert "bad.csv was set aside: the gzip is damaged or cut short" in printed.strip().splitlines()[-1]
    assert not list(shop.project.root.glob("data/check/*"))


def test_a_market_may_say_that_no_delivery_may_be_set_aside(shop: Shop) -> None:
    shop.describe(MARKET + "may_set_aside = false\n")
    shop.deliver("bad.csv", b"")

    code, printed = shop.run()

    assert code == 30, printed
    assert "bad.csv: the file is empty" in printed.strip().splitlines()[-1]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace("\n", "\r\n").encode(), id="CRLF"),
        pytest.param(lambda text: text.replace("\n", "\r").encode(), id="lone CR"),
        pytest.param(lambda text: text.encode("utf-8-sig"), id="byte-order mark"),
        pytest.param(lambda text: text.replace(",", ";").encode(), id="the other separator"),
        pytest.param(lambda text: gzip.compress(text.encode()), id="gzip"),
        pytest.param(
            lambda text: "\n".join(",".join(reversed(line.split(","))) for line in text.splitlines()).encode(), id="reordered"
        ),
        pytest.param(lambda text: text.replace("km", "mileage", 1).encode(), id="a known other name"),
    ],
)
def test_another_way_to_write_the_same_rows_is_read_the_same(shop: Shop, change: Callable[[str], bytes]) -> None:
    shop.deliver("good.csv", change(GOOD))

    code, printed = shop.run()

    assert code == 0, printed
    assert "60 rows in 1 delivery: 60 accepted, 0 rejected, 0 unreadable" in printed


BAD_ROWS = {
    "Audi,A3,2015,0,1000,petrol": "price missing: '0'",
    "Audi,A3,2015,call me,1000,petrol": "price unreadable: 'call me'",
    "Audi,A3,2015,-5000,1000,petrol": "price below 100: '-5000'",
    "Audi,A3,2015,612037205,1000,petrol": "price above 500,000: '612037205'",
    "Audi,A3,2060,9000,1000,petrol": "year above 2027: '2060'",
    "Audi,A3,,9000,1000,petrol": "year missing: ''",
    ",,,,,": "row is empty: ''",
    "Audi,A3,2015": "row has another number of cells than the header: 'Audi,A3,2015'",
    "Audi,A3,2015,9000,1000,petrol,extra": "row has another number of cells than the header: 'Audi,A3,2015,9000,1000,petrol,extra'",
}


def test_each_bad_row_is_kept_with_its_place_value_and_reason(shop: Shop) -> None:
    shop.deliver("good.csv", GOOD + "\n".join(BAD_ROWS) + "\n")

    code, printed = shop.run()

    assert code == 0, printed
    assert "69 rows in 1 delivery: 60 accepted, 7 rejected, 2 unreadable" in printed
    assert "price unreadable: 1 (good.csv row 62: 'call me')" in printed
    assert "most are those of good.csv, in data/ingest/" in printed
    found = {row.row: list(row.details) for row in shop.rejected().itertuples()}
    assert found == {60 + place: [detail] for place, detail in enumerate(BAD_ROWS.values(), start=1)}


def test_what_a_row_can_do_without_is_lost_and_counted(shop: Shop) -> None:
    shop.deliver("good.csv", GOOD + "Audi,A3,2015,9000,very few,petrol\nAudi,A3,2015,9000,0,steam\n")

    _, printed = shop.run()

    assert (
        "values lost: fuel unreadable: 1 (good.csv row 62: 'steam'), mileage_km unreadable: 1 (good.csv row 61: 'very few')"
        in printed
    )
    assert "62 accepted" in printed


def test_a_required_column_that_tells_nothing_sets_the_delivery_aside(shop: Shop) -> None:
    shop.describe(MARKET.replace('["km", "mileage"]', '["km", "mileage"], required = true'))
    shop.deliver("bad.csv", "\n".join([HEADER, *[f"Audi,A3,{2000 + row},9000,very few,petrol" for row in range(20)]]))

    code, printed = shop.run()

    assert code == 0, printed
    assert (
        "set aside bad.csv: none of the 20 values of mileage_km, which the market requires, can be read (row 1: 'very few')"
        in printed
    )
    assert shop.account()["accepted"] == 60


def test_too_many_rejections_are_told_with_a_row_its_value_and_where_the_others_are(shop: Shop) -> None:
    shop.deliver("bad.csv", "\n".join([HEADER, "Audi,A1,2015,9000,7,petrol", *["Audi,A3,2015,612037205,7,petrol"] * 90]))

    code, printed = shop.run()

    assert code == 30, printed
    last = printed.strip().splitlines()[-1]
    assert "price above 500,000: 90 (bad.csv row 2: '612037205'). The rejected rows of bad.csv are in data/ingest/" in last
    assert "[check] max_rejected_share" in last


def test_too_few_listings_to_train_on_is_said_and_nothing_is_half_built(shop: Shop) -> None:
    shop.deliver("good.csv", cars(12))

    code, printed = shop.run("Evaluate")

    assert code == 30, printed
    assert "for train (at least 50)" in printed.strip().splitlines()[-1]
    assert not list(shop.project.root.glob("models/*"))
    assert not (shop.project.root / "data/current/shop.json").exists()


def test_one_make_alone_is_enough(shop: Shop) -> None:
    shop.deliver("good.csv", cars(400))

    code, printed = shop.run("Evaluate", *SMALL)

    assert code == 0, printed
    assert shop.project.metrics("shop")["features_refused"]["make"] == "always Audi"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("separators", "seperators", "[files] has no key 'seperators' (did you mean 'separators'?)"),
        ('headers = ["fuel"]', 'headers = "fuel"', '[columns.fuel] headers must be a list of texts, not "fuel"'),
        ("limits = [1950, 2027]", "limits = [2027, 1950]", "[columns.year] limits [2027.0, 1950.0] are upside down"),
        ("[check]", '[[reject]]\nreason = "r"\nbetween = { year = [1, 9] }\n[check]', "can never meet a year of [1.0, 9.0]"),
        ("title = ", "title ", "is not valid TOML"),
    ],
)
def test_a_slip_in_a_markets_toml_exits_2_and_names_the_key(shop: Shop, before: str, after: str, message: str) -> None:
    shop.describe(MARKET.replace(before, after, 1))

    code, printed = shop.run()

    assert code == 2, printed
    assert message in printed.strip().splitlines()[-1]
    assert "markets/shop.toml" in printed.strip().splitlines()[-1]


def test_an_unknown_market_exits_2_and_names_the_nearest(shop: Shop) -> None:
    code, printed = shop.project.luigi("Check", "--market", "shpo", "--pipeline-markets", "markets", "--local-scheduler")

    assert code == 2, printed
    assert "There is no market 'shpo' (did you mean 'shop'?)" in printed.strip().splitlines()[-1]
    assert "Traceback" not in printed


def test_folders_links_and_hidden_files_among_the_deliveries(shop: Shop) -> None:
    elsewhere = shop.project.root / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "linked.csv").write_text(cars(10, "Seat"))
    (shop.raw / "deep/er").mkdir(parents=True)
    shop.deliver("deep/er/below.csv", cars(20, "Opel"))
    (shop.raw / "link.csv").symlink_to(elsewhere / "linked.csv")
    (shop.raw / "deep/round").symlink_to(shop.raw)
    (shop.raw / "folder.csv").mkdir()
    for name in (".hidden.csv", "notes.txt", "good.csv~"):
        shop.deliver(name, "nothing to read\n")

    code, printed = shop.run()

    assert code == 0, printed
    assert "90 rows in 3 deliveries: 90 accepted" in printed


def test_links_out_pipes_and_devices_among_the_deliveries_hold_nothing_up(shop: Shop) -> None:
    os.mkfifo(shop.raw / "pipe.csv")  # whoever opens it waits for ever
    (shop.raw / "zeros.csv").symlink_to("/dev/zero")
    (shop.raw / "nowhere.csv").symlink_to(shop.raw / "gone.csv")
    (shop.raw / "itself.csv").symlink_to(shop.raw / "itself.csv")
    (shop.raw / "users.csv").symlink_to("/etc/passwd")  # a file like any other, and no table

    code, printed = shop.run()

    assert code == 0, printed
    assert "60 rows in 2 deliveries: 60 accepted" in printed
    assert "set aside users.csv" in printed


NAMES = (
    "a\nb.csv",
    "=cmd|'x'!A0.csv",
    "<script>alert(1)<!--.csv",
    "'\"; rm -rf x.csv",
    "a..csv",
    "\u202efdp.csv",
    "%s{0}.csv",
    "-n.csv",
)


def test_names_of_deliveries_are_only_names(shop: Shop) -> None:
    for place, name in enumerate(NAMES):
        shop.deliver(name, cars(10, f"Make{place}"))
    shop.deliver("<img src=x onerror=alert(1)>.csv", b"")

    code, printed = shop.run()

    assert code == 0, printed
    assert f"{60 + 10 * len(NAMES)} rows in {2 + len(NAMES)} deliveries: {60 + 10 * len(NAMES)} accepted" in printed
    (page,) = shop.project.root.glob("data/runs/*.html")
    tags: list[str] = []
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, _: tags.append(tag)  # type: ignore[method-assign]
    reader.feed(page.read_text())
    assert "table" in tags
    assert not {"script", "img"} & set(tags)


def bomb(size: int) -> bytes:
    """Return a gzip of so many bytes of rows without end."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed:
        packed.write(f"{HEADER}\n".encode())
        for _ in range(size // 2_000_000):
            packed.write(b",,,,,\n" * (2_000_000 // 6))
    return buffer.getvalue()


def zip_bomb(size: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.csv", "w") as member:
        for _ in range(size // 10_000_000):
            member.write(bytes(10_000_000))
    return buffer.getvalue()


def wide_sheet() -> bytes:
    """Return a spreadsheet with a cell at each end of it: as a table it would be 17 thousand million cells."""
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "make", "x"  # type: ignore[index]
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def one_value_many_times() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"make": pa.DictionaryArray.from_arrays(pa.array(np.zeros(20_000_000, "int32")), ["Audi"])}), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(lambda: bomb(800_000_000), "the gzip holds more than", id="gzip"),
        pytest.param(lambda: zip_bomb(2_000_000_000), "the zip holds more than", id="zip"),
        pytest.param(wide_sheet, "the spreadsheet cannot be read (it asks for more memory", id="spreadsheet"),
        pytest.param(one_value_many_times, "would be 20,000,000 rows", id="parquet"),
        pytest.param(
            lambda: "\n".join(json.dumps({f"key {row}": row}) for row in range(9000)).encode(),
            "would be 9,000 rows of 9,000 columns",
            id="JSON",
        ),
    ],
)
def test_a_bomb_is_refused_within_one_gigabyte(tmp_path: Path, make: Callable[[], bytes], said: str) -> None:
    path = tmp_path / "bomb.csv"
    path.write_bytes(make())
    assert path.stat().st_size < 10_000_000

    cost, code = measure_reading(path)

    assert said in code
    assert cost < 1000, f"{cost:.0f} MB"


def measure_reading(path: Path) -> tuple[float, str]:
    """Read a delivery in a process of its own; return the MB that it and its children needed at most, and its refusal."""
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from pipeline.errors import DeliveryUnreadable; from pipeline.market import Files; from pipeline.services import tables\n"
        "try: tables.read_table(tables.read_bytes(Path(sys.argv[1])), Files(), {})\n"
        "except DeliveryUnreadable as error: print(error)\n"
        "print(max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True, env=environment)
    *said, peak = done.stdout.splitlines()
    return int(peak) / (1e6 if sys.platform == "darwin" else 1e3), "\n".join(said)


def test_no_room_for_a_file_is_said_and_nothing_is_half_built(shop: Shop) -> None:
    shop.deliver("good.csv", cars(900))

    code, printed = shop.run(no_room=True)

    assert code == 30, printed
    assert "cannot write" in printed.strip().splitlines()[-1]
    assert "Make room there and run again" in printed.strip().splitlines()[-1]
    assert shop.project.leftovers() == []
    assert shop.run()[0] == 0


@pytest.mark.skipif(not CAN_BE_BOUND, reason="root is bound by no permissions, and setpriv is not here to change that")
@pytest.mark.parametrize("folder", ["data", "data/ingest"])
def test_a_folder_one_may_not_write_is_named(shop: Shop, folder: str) -> None:
    place = shop.project.root / folder
    place.mkdir(exist_ok=True)
    place.chmod(0o555)

    code, printed = shop.run(bound_by_permissions=True)

    assert code == 30, printed
    last = printed.strip().splitlines()[-1]
    assert "cannot write" in last
    assert "Permission denied. Let this user write there and run again" in last
    place.chmod(0o755)
    assert shop.run(bound_by_permissions=True)[0] == 0


@pytest.mark.skipif(not CAN_BE_BOUND, reason="root is bound by no permissions, and setpriv is not here to change that")
@pytest.mark.parametrize(
    ("mode", "said"), [(0, "data/raw/shop/deep may not be read"), (0o400, "deep/below.csv may not be entered")]
)
def test_a_folder_of_deliveries_that_may_not_be_read_is_not_passed_over(shop: Shop, mode: int, said: str) -> None:
    (shop.raw / "deep").mkdir()
    shop.deliver("deep/below.csv", cars(20, "Opel"))
    (shop.raw / "deep").chmod(mode)

    code, printed = shop.run(bound_by_permissions=True)

    (shop.raw / "deep").chmod(0o755)
    assert code == 20, printed
    assert f"{said} (Permission denied)" in printed.strip().splitlines()[-1]


@pytest.mark.skipif(not CAN_BE_BOUND, reason="root is bound by no permissions, and setpriv is not here to change that")
def test_a_markets_toml_that_may_not_be_read_is_named(shop: Shop) -> None:
    (shop.project.root / "markets/shop.toml").chmod(0)

    code, printed = shop.run(bound_by_permissions=True)

    assert code == 2, printed
    assert "markets/shop.toml may not be read (Permission denied)" in printed.strip().splitlines()[-1]
