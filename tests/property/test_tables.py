"""What holds for every delivery that a spreadsheet or a scraper may have written, and for any bytes at all."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.errors import ColumnMissing, DeliveryUnreadable
from pipeline.market import Files
from pipeline.services.tables import read_table

SEPARATORS = (",", ";", "\t", "|")
ENCODINGS = ("utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16")
cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8) | st.text("a,;\t|\"'\n\r é", max_size=6)
# Headers differ from each other and are no blank line; their quoting is the same as any cell's.
headers = st.lists(st.text("abcdé ,;\t|\"'", min_size=1, max_size=5).filter(str.strip), min_size=1, max_size=4, unique=True)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    header = draw(headers)
    return header, draw(st.lists(st.lists(cells, min_size=len(header), max_size=len(header)), max_size=5))


def write(rows: list[list[str]], separator: str, line_end: str, quoting: int = csv.QUOTE_ALL) -> str:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=separator, lineterminator=line_end, quoting=quoting).writerows(rows)
    return stream.getvalue()


def encodable(text: str, encoding: str) -> str:
    return text.encode(encoding, "ignore").decode(encoding)


@given(tables(), st.sampled_from(SEPARATORS), st.sampled_from(ENCODINGS), st.sampled_from(("\n", "\r\n", "\r")), st.booleans())
def test_a_written_table_comes_back_cell_for_cell(table, separator, encoding, line_end, quotes_all):
    header, rows = ([[encodable(cell, encoding) for cell in row] for row in part] for part in ([table[0]], table[1]))
    # Without quotes around every cell, a writer leaves bare the line ends that are not its own.
    is_plain = not any(character in cell for row in rows for cell in row for character in "\r\n")
    quoting = csv.QUOTE_MINIMAL if is_plain and not quotes_all else csv.QUOTE_ALL
    content = write([*header, *rows], separator, line_end, quoting).encode(encoding)
    read = read_table(content, Files(encodings=(encoding,), separators=(separator,)), {})
    assert list(read.rows.columns) == header[0]
    assert read.rows.to_numpy().tolist() == rows
    assert read.rows.index.tolist() == list(range(1, len(rows) + 1))
    assert read.unreadable == []


@given(st.lists(st.lists(cells, min_size=1, max_size=5), max_size=8), st.sampled_from(SEPARATORS))
def test_every_ragged_row_is_kept_under_its_number(rows, separator):
    read = read_table(write([["a", "b", "c"], *rows], separator, "\r\n").encode(), Files(separators=(separator,)), {})
    fitting = {number: row for number, row in enumerate(rows, start=1) if len(row) == 3}
    assert dict(zip(read.rows.index, read.rows.to_numpy().tolist(), strict=True)) == fitting
    assert [number for number, _ in read.unreadable] == [number for number in range(1, len(rows) + 1) if number not in fitting]


@given(st.lists(st.lists(st.text("xyz", min_size=1), min_size=1, max_size=5), max_size=8))
def test_the_text_of_a_ragged_row_is_kept_as_it_came(rows):
    read = read_table(write([["a", "b", "c"], *rows], ",", "\n", csv.QUOTE_MINIMAL).encode(), Files(), {})
    assert [text for _, text in read.unreadable] == [",".join(row) for row in rows if len(row) != 3]


@given(st.binary(max_size=200) | st.text('ab,;\t"\r\n \ufeffé', max_size=40).map(str.encode))
@example(b"x" * 200_000)
@example("\ufeff\ufeffa,b\n1,2\n".encode())
@example(b'"')
def test_any_bytes_are_read_as_text_or_refused(content):
    try:
        read = read_table(content, Files(), {})
    except DeliveryUnreadable:
        return
    assert all(isinstance(cell, str) for row in read.rows.to_numpy().tolist() for cell in row)
    numbers = [*read.rows.index, *(number for number, _ in read.unreadable)]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


@given(tables())
def test_a_table_is_never_read_without_a_required_column(table):
    header, rows = table
    content = write([header, *rows], ",", "\n").encode()
    with pytest.raises(ColumnMissing):
        read_table(content, Files(separators=(",",)), {"price": ("no such header",)})
