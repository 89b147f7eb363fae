"""Files of cars, record by record."""

import gzip
import time

import pytest

from pipeline.market import Files
from pipeline.services.car_files import CarsUnreadable, open_cars, source_of

FILES = Files(encodings=("utf-8", "latin-1"))
GOOD = "make,model\nAudi,A4\nSeat,Ibiza\n"


def opened(tmp_path, content: bytes | str, files: Files = FILES):
    path = tmp_path / "cars.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_cars(path, files, lambda headers: {"make", "model"} - set(headers))


def records(tmp_path, content: bytes | str, size: int = 100) -> list[list[str]]:
    return [record for chunk in opened(tmp_path, content).read_chunks(size) for record in chunk]


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.rstrip(),
        "\n\n" + GOOD.replace("\n", "\n\n"),
        GOOD.encode("utf-8-sig"),
        b"\xef\xbb\xbf" + GOOD.encode("utf-8-sig"),
        gzip.compress(GOOD.encode(), mtime=0),
        GOOD.replace("Audi", '"Audi"'),
    ],
)
def test_another_way_to_write_the_same_rows_is_read_the_same(tmp_path, content):
    assert records(tmp_path, content) == [["Audi", "A4"], ["Seat", "Ibiza"]]


def test_chunks_keep_order_and_size(tmp_path):
    chunks = list(opened(tmp_path, GOOD * 3).read_chunks(3))
    assert [len(chunk) for chunk in chunks] == [3, 3, 2]


def test_rows_of_another_width_and_lines_within_quotes_are_kept(tmp_path):
    assert records(tmp_path, 'make,model\nAudi\n"a\nb",c,d\n\x03\n') == [["Audi"], ["a\nb", "c", "d"], ["\x03"]]


def test_the_first_encoding_that_fits_all_of_it_is_taken(tmp_path):
    assert records(tmp_path, "make,model\nCitroën,C4\n".encode("latin-1")) == [["Citroën", "C4"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\n\n", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "NUL bytes: it is no text file"),
        (GOOD.encode("utf-16"), "or UTF-16. Save it as CSV in UTF-8"),
        (gzip.compress(GOOD.encode(), mtime=0)[:-12], "the gzip is damaged or cut short"),
        ("make,model,Make\na,b,c\n", "the header names 'Make', 'make' more than once"),
        ('make,model\na,b\n"c,d\ne,f\n', "a quote opened in record 2 is never closed"),
        ("make,model\n" + "x" * 2_000_000, "it is no table"),
        ('make,model\n"' + "x\n" * 100_000, "Is a quote never closed"),
    ],
)
def test_what_is_no_table_is_refused_with_its_reason(tmp_path, content, message):
    with pytest.raises(CarsUnreadable, match=message):
        records(tmp_path, content)


def test_bytes_that_no_encoding_fits_are_refused(tmp_path):
    with pytest.raises(CarsUnreadable, match="are not utf-8"):
        opened(tmp_path, b"make,model\n\xff\xfe,b\n", Files(encodings=("utf-8",)))


def test_a_folder_or_nothing_is_no_file(tmp_path):
    for path, message in ((tmp_path, "no regular file"), (tmp_path / "none.csv", "There is no file")):
        with pytest.raises(CarsUnreadable, match=message):
            open_cars(path, FILES, lambda _: [])


def test_bytes_without_a_file_are_read_the_same_and_named_as_they_came():
    source = source_of(gzip.compress(GOOD.encode(), mtime=0), "sent.csv.gz", len(GOOD))
    table = open_cars(source, FILES, lambda _: [])
    assert [record for chunk in table.read_chunks(9) for record in chunk] == [["Audi", "A4"], ["Seat", "Ibiza"]]
    with pytest.raises(CarsUnreadable, match=r"^sent\.csv is empty"):
        open_cars(source_of(b"", "sent.csv", 9), FILES, lambda _: [])


def test_what_unpacks_to_more_than_is_allowed_is_refused_as_soon_as_that_is_known():
    bomb = gzip.compress(b"make,model\n" * 20_000_000, mtime=0)
    assert len(bomb) < 1_000_000
    started_s = time.process_time()
    with pytest.raises(CarsUnreadable, match="more than 2 MB of text: split it"):
        open_cars(source_of(bomb, "bomb.csv.gz", 2_000_000), FILES, lambda _: [])
    assert time.process_time() - started_s < 1
