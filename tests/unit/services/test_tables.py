"""How a delivery's bytes become text cells, and what is no table at all."""

import gzip
import re

import pytest

from pipeline.errors import ColumnMissing, DeliveryUnreadable
from pipeline.market import Files
from pipeline.services import tables
from pipeline.services.tables import RawTable, read_bytes, read_table


def read(content: bytes | str, files: Files | None = None, **required: tuple[str, ...]) -> RawTable:
    content = content.encode() if isinstance(content, str) else content
    return read_table(content, files or Files(), required)


def cells(table: RawTable) -> list[list[str]]:
    return table.rows.to_numpy().tolist()


def test_every_cell_is_text():
    table = read("make,year,price,empty\nAudi,007,1e3,\n")
    assert cells(table) == [["Audi", "007", "1e3", ""]]


def test_rows_are_numbered_from_the_first_below_the_header():
    assert read("a,b\n1,2\n3,4\n").rows.index.tolist() == [1, 2]


def test_a_row_of_another_width_is_kept_with_its_number():
    table = read("a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert table.unreadable == [(2, "3"), (3, "4,5,6")]
    assert table.rows.index.tolist() == [1, 4]


def test_blank_lines_are_no_rows():
    table = read("\n\na,b\n\n1,2\n\n3\n\n4,5\n")
    assert table.rows.index.tolist() == [1, 3]
    assert table.unreadable == [(2, "3")]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_any_line_end_ends_a_line(line_end, last):
    text = line_end.join(["a,b", "1,2", "3,4"]) + line_end * last
    assert cells(read(text)) == [["1", "2"], ["3", "4"]]


def test_a_quoted_cell_may_hold_anything():
    table = read('a,b\n"x\ny, ""z""",2\n')
    assert cells(table) == [['x\ny, "z"', "2"]]


@pytest.mark.parametrize("text", ['a,b\n1,2\n3,"x\n4,5\n', 'a,b\n1,2\n"3,x\n4,5\n6,7\n', 'a,b\n1,2\n3,"x'])
def test_a_quote_that_is_never_closed_does_not_swallow_the_rows_behind_it(text):
    with pytest.raises(DeliveryUnreadable, match="a quote opened in record 2 is never closed"):
        read(text)


def test_a_header_alone_is_a_table_without_rows():
    for text in ("a,b", "a,b\n"):
        table = read(text)
        assert list(table.rows.columns) == ["a", "b"]
        assert table.rows.empty


def test_cells_are_text_even_behind_two_byte_order_marks():
    table = read("\ufeff\ufeffa,b\n1,2\n")
    assert list(table.rows.columns) == ["a", "b"]
    assert cells(table) == [["1", "2"]]


@pytest.mark.parametrize(
    ("encoding", "read_as"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("latin-1", "latin-1"), ("utf-16", "utf-16")]
)
def test_the_first_encoding_that_fits_wins(encoding, read_as):
    files = Files(encodings=("utf-8", "utf-16", "latin-1")) if encoding == "utf-16" else Files()
    table = read("Modèle,b\nCitroën,2\n".encode(encoding), files)
    assert table.encoding == read_as
    assert list(table.rows.columns) == ["Modèle", "b"]
    assert cells(table) == [["Citroën", "2"]]


def test_the_separator_is_the_one_that_shows_the_required_columns():
    for separator in (",", ";", "\t"):
        table = read(f'Marque{separator}"Prix, en DH; TTC"\nDacia{separator}1\n', make=("Marque",), price=("Prix, en DH; TTC",))
        assert table.separator == separator
        assert cells(table) == [["Dacia", "1"]]


def test_a_required_column_is_found_whatever_the_blanks_letter_case_and_spelling_of_accents():
    for header in ("Modèle", " modèle ", "MODÈLE", "Mode\u0300le"):
        assert len(read(f"{header},b\n1,2\n", model=("Modèle",)).rows) == 1


def test_a_missing_column_is_named_with_the_headers_that_would_do():
    with pytest.raises(
        ColumnMissing,
        match=r"the header lacks mileage_km \('Kilométrage' or 'Kilometrage'\): fetch the file again, or add the name .*; it reads 'Marque,Prix'",
    ):
        read("Marque,Prix\nDacia,1\n", make=("Marque",), mileage_km=("Kilométrage", "Kilometrage"))


@pytest.mark.parametrize(("separator", "shown"), [("|", "'|'"), ("\t", r"'\t'"), (":", "':'")])
def test_a_separator_that_the_market_does_not_name_is_proposed(separator, shown):
    with pytest.raises(
        ColumnMissing, match=rf"the header is not parted by ',' or ';' but by {re.escape(shown)}: add that to \[files\]"
    ):
        read(f"make{separator}price\nAudi{separator}1\n", Files(separators=(",", ";")), make=("make",), price=("price",))


def test_rows_without_a_header_are_told_as_such():
    with pytest.raises(
        ColumnMissing, match="its first line is no header but a row, 'Audi,A4,True,9000'; write the names of the columns"
    ):
        read("Audi,A4,True,9000\nVW,Golf,True,5000\n", price=("price",), used=("true story",))


@pytest.mark.parametrize("files", [Files(encodings=("utf-8",)), Files()])
def test_the_mark_of_another_encoding_is_told(files):
    with pytest.raises(DeliveryUnreadable, match=r'the mark of utf-16: say \[files\] encodings = \["utf-8", "utf-16"\]'):
        read("a,b\n1,2\n".encode("utf-16"), files)


def test_a_required_column_is_found_behind_a_line_end_in_a_header():
    assert read('"first\nsecond",price\n1,2\n', price=("price",)).rows["price"].tolist() == ["2"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"\r\n\n", "the file is empty"),
        (b"a,b\n1,\x002\n", "NUL"),
        (b"PK\x03\x04\x00\x00", "the zip is damaged or cut short"),
        (b"x" * 200_000, "the header cannot be told apart"),
        (b'"' + b"x" * 200_000, "the header cannot be told apart"),
        (b'"a,b\n1,2\n', "the rows cannot be told apart"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_bytes_that_are_no_table_are_refused_with_the_reason(content, reason):
    with pytest.raises(DeliveryUnreadable, match=reason):
        read(content)


def test_bytes_in_no_known_encoding_are_refused():
    with pytest.raises(DeliveryUnreadable, match="the bytes are not utf-8; add the right name"):
        read(b"a,b\n\xff,1\n", Files(encodings=("utf-8",)))


class TestPacked:
    """Deliveries packed by gzip."""

    def read(self, tmp_path, content: bytes, name: str = "a.csv.gz") -> bytes:
        (tmp_path / name).write_bytes(content)
        return read_bytes(tmp_path / name)

    @pytest.mark.parametrize("name", ["a.csv.gz", "a.csv"])
    def test_they_are_unpacked_whatever_their_name(self, tmp_path, name):
        assert self.read(tmp_path, gzip.compress(b"a,b", mtime=0), name) == b"a,b"

    def test_text_that_is_only_named_like_one_is_read_as_the_text_it_is(self, tmp_path):
        assert self.read(tmp_path, b"a,b") == b"a,b"

    @pytest.mark.parametrize(
        "content",
        [
            gzip.compress(b"a,b\n" * 99, mtime=0)[:-9],
            gzip.compress(b"a,b", mtime=0)[:5],
            gzip.compress(b"a,b", mtime=0) + b"more",
        ],
    )
    def test_a_damaged_one_is_unreadable(self, tmp_path, content):
        with pytest.raises(DeliveryUnreadable, match="the gzip is damaged or cut short"):
            self.read(tmp_path, content)

    def test_a_damaged_checksum_is_noticed(self, tmp_path):
        content = bytearray(gzip.compress(b"make,model\nAudi,A4\n"))
        content[-5] ^= 255
        with pytest.raises(DeliveryUnreadable, match="the gzip is damaged or cut short"):
            self.read(tmp_path, bytes(content))

    def test_one_that_holds_too_much_is_not_unpacked_to_its_end(self, tmp_path, monkeypatch):
        monkeypatch.setattr(tables, "MAX_BYTES", 1000)
        with pytest.raises(DeliveryUnreadable, match="the gzip holds more than"):
            self.read(tmp_path, gzip.compress(bytes(1001)))


def test_a_missing_column_is_named_with_the_header_that_may_be_it():
    with pytest.raises(ColumnMissing, match=r"lacks price \('price' or 'Prix'\): is it 'pricee'\? Then add that to the headers"):
        read("make,pricee\nAudi,1\n", price=("price", "Prix"))
