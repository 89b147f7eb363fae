"""What holds for every text that a cell may contain."""

import math
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.stages.parse import clean_text, parse_boolean, parse_date, parse_number, parse_range, word_reader

MARKS = (".", ",")
BLANKS_AND_APOSTROPHES = ("", " ", "\u00a0", "\u202f", "\u2009", "'", "’")
DATE_FORMATS = ("%Y-%m-%d", "%m/%d/%y", "%d.%m.%Y", "%d/%m/%Y")
# Texts of the characters that numbers are made of come much closer to the parsers' edges than any text does.
number_like = st.text("0123456789 \u00a0\u202f.,'’+-–£$€", max_size=20)
grouped_digits = st.lists(
    st.tuples(st.sampled_from(" .,'"), st.sampled_from(("234", "567", "89"))).map("".join), min_size=1, max_size=3
).map(lambda groups: "1" + "".join(groups))
texts = st.text() | number_like
marks = st.sampled_from(MARKS)


def format_number(number: int, hundredths: int | None, separator: str, mark: str) -> str:
    """Write a number as a seller might, thousands separated."""
    whole = f"{abs(number):,}".replace(",", separator)
    fraction = "" if hundredths is None else f"{mark}{hundredths:02d}"
    return f"{'-' if number < 0 else ''}{whole}{fraction}"


def separators(mark: str) -> st.SearchStrategy[str]:
    return st.sampled_from((*BLANKS_AND_APOSTROPHES, "," if mark == "." else "."))


@given(texts, marks)
@example("9" * 400, ".")
@example("1" * 5000, ",")
def test_a_number_parser_returns_a_finite_number_or_none_for_any_text(text, mark):
    number = parse_number(text, mark)
    assert number is None or math.isfinite(number)


@given(texts, marks)
def test_a_range_parser_returns_ordered_ends_or_none_for_any_text(text, mark):
    ends = parse_range(text, mark)
    assert ends is None or (len(ends) == 2 and ends[0] <= ends[1])


@given(texts, st.sampled_from(DATE_FORMATS))
def test_a_date_parser_returns_an_iso_date_or_none_for_any_text(text, date_format):
    parsed = parse_date(text, date_format)
    assert parsed is None or date.fromisoformat(parsed).isoformat() == parsed


@given(texts, st.dictionaries(st.text(), st.booleans() | st.text(), max_size=4))
def test_the_word_parsers_never_raise(text, values):
    assert parse_boolean(text, values) in (True, False, None)
    word = word_reader(values)(text)
    assert word is None or isinstance(word, str)


@given(
    st.data(),
    marks,
    st.integers(-(10**12), 10**12),
    st.none() | st.integers(0, 99),
    st.sampled_from(("{}", "£{}", "{} €", " $ {} ")),
)
def test_a_formatted_number_is_read_back(data, mark, number, hundredths, currency):
    separator = data.draw(separators(mark))
    text = currency.format(format_number(number, hundredths, separator, mark))
    expected = float(f"{number}.{hundredths or 0:02d}")
    assert parse_number(text, mark) == pytest.approx(expected, abs=1e-4)


@given(number_like | grouped_digits, marks)
def test_a_number_is_never_off_by_a_thousand(text, mark):
    """Every thousands mark that was passed over stood before exactly three digits, and the same mark throughout."""
    number = parse_number(text, mark)
    if number is None:
        return
    whole = text.strip().strip("£$€").strip().partition(mark)[0].lstrip("+-")
    groups = "".join(character if character.isdigit() else " " for character in whole).split()
    is_by_two = "," in whole and len(groups[0]) <= 2 and {len(group) for group in groups[1:-1]} == {2}  # lakhs and crores
    assert all(len(group) == 3 for group in (groups[-1:] if is_by_two else groups[1:]))
    assert len({character for character in whole if not character.isdigit()}) <= 1
    assert abs(math.trunc(number)) == pytest.approx(int("".join(groups)))


@given(st.data(), marks, st.integers(0, 10**9), st.integers(0, 10**9), st.sampled_from(("-", " - ", " – ", "—")))
def test_a_formatted_range_is_read_back(data, mark, low, width, dash):
    separator = data.draw(separators(mark))
    ends = (low, low + width)
    assert parse_range(dash.join(format_number(end, None, separator, mark) for end in ends), mark) == ends


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_a_range_upside_down_is_refused(low, width):
    assert parse_range(f"{low + width} - {low}") is None


@given(st.dates(date(1969, 1, 1), date(2068, 12, 31)), st.sampled_from(DATE_FORMATS))
def test_a_formatted_date_is_read_back(day, date_format):
    assert parse_date(f" {day.strftime(date_format)}", date_format) == day.isoformat()


@given(st.text())
def test_cleaning_a_clean_text_changes_nothing(text):
    assert clean_text(clean_text(text)) == clean_text(text)


@given(st.text())
def test_a_clean_text_has_single_inner_blanks_alone(text):
    cleaned = clean_text(text)
    assert cleaned == cleaned.strip()
    assert all(part for part in cleaned.split(" ")) or not cleaned


@given(st.text(), st.dictionaries(st.text(), st.text(min_size=1), max_size=4))
def test_a_word_reader_gives_words_of_the_vocabulary_alone(text, values):
    word = word_reader(values)(text)
    assert word is None or word in values.values() or not values


@given(st.text(min_size=1), st.text("ab", min_size=1))
def test_a_vocabulary_is_read_whatever_the_blanks_and_letter_case(raw, word):
    assert word_reader({raw: word})(f" {raw}\u00a0 ") == word
