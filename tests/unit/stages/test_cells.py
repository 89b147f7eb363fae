"""How cells are read, and which of them go home."""

import pytest

from pipeline.market import Column, LargeUnit, Rows
from pipeline.market import Market as MarketTable
from pipeline.stages.cells import cell_reader, read_columns, send_home
from tests.drawing import draw_cells, ingest, market_of

SLIDING = market_of(
    color=Column(headers=("color",), values={"Black": "black", "Other": "other"}),
    body=Column(headers=("body",), values={"Sedan": "sedan", "Other": "other"}),
    gearbox=Column(headers=("gearbox",), values={"Automatic": "automatic", "Other": "other"}),
    fuel=Column(headers=("fuel",), values={"Diesel": "diesel", "Other": "other"}),
    vin=Column(headers=("vin",), pattern="^([0-9A-F]{5})$"),
    first_owner=Column(headers=("first",), values={"Oui": True}),
)


def row_of(drawing: str, market: MarketTable = SLIDING) -> dict:
    """Ingest one drawn row of a car and return what is known of it, missing cells left out."""
    header, cells = drawing.strip().splitlines()
    (row,) = ingest(f"make | model | year | price | {header}\nAudi | A4 | 2015 | 900 | {cells}", market).accepted.to_dict(
        "records"
    )
    return {name: value for name, value in row.items() if name in SLIDING.columns and isinstance(value, str | bool)}


def home_of(drawing: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return what moved and what was lost."""
    home = send_home(read_columns(draw_cells(drawing), SLIDING, {}), SLIDING)
    return home.moved, home.lost


class TestStrays:
    """Values in a neighbouring column."""

    def test_a_row_that_slid_as_a_whole_comes_home_as_a_whole(self):
        row = row_of("color | body | gearbox | fuel | vin\nSedan | Automatic | Diesel | 0A1B2 |")
        assert row == {"make": "Audi", "model": "A4", "body": "sedan", "gearbox": "automatic", "fuel": "diesel", "vin": "0A1B2"}

    def test_moves_are_counted_by_pair_of_columns(self):
        moved, lost = home_of("gearbox | fuel\nDiesel |\nDiesel |\nAutomatic | Diesel")
        assert (moved, lost) == ({"gearbox → fuel": 2}, {})

    def test_what_stands_in_its_place_is_not_driven_out(self):
        moved, lost = home_of("gearbox | fuel\nDiesel | Other")
        assert (moved, lost) == ({}, {"gearbox": 1})

    def test_junk_in_its_place_is_lost_and_counted(self):
        assert home_of("gearbox | fuel\nDiesel | V 6") == ({"gearbox → fuel": 1}, {"fuel": 1})

    def test_a_word_that_two_columns_know_stays_lost(self):
        assert home_of("vin | color | body\nOther | |") == ({}, {"vin": 1})

    def test_two_that_claim_one_place_are_both_lost(self):
        moved, lost = home_of("color | gearbox | fuel\nDiesel | Diesel |")
        assert (moved, lost) == ({}, {"color": 1, "gearbox": 1})

    def test_a_place_that_the_delivery_lacks_takes_nobody_in(self):
        assert home_of("gearbox | color\nDiesel | Black") == ({}, {"gearbox": 1})

    @pytest.mark.parametrize("word", ["1", "true", "no"])
    def test_a_bare_yes_or_no_belongs_nowhere(self, word):
        assert home_of(f"gearbox | first\n{word} |") == ({}, {"gearbox": 1})

    def test_a_cell_that_condemns_its_row_stays_where_it_is(self):
        intake = ingest("make | model | year | price | fuel\nAudi | A4 | Diesel | 900 |", SLIDING)
        assert list(intake.rejected["details"].iloc[0]) == ["year unreadable: 'Diesel'"]
        assert intake.account["rehomed"] == {}

    def test_the_account_tells_both(self):
        account = ingest("make | model | year | price | gearbox | fuel\nAudi | A4 | 2015 | 900 | Diesel | V 6", SLIDING).account
        assert account["rehomed"] == {"gearbox → fuel": 1}
        assert account["dropped_values"] == {"fuel unreadable": 1}


class TestHeaders:
    """Columns with several headers, and headers with several columns."""

    TWICE = market_of(fuel=Column(headers=("fuel", "fuel2"), values={"Diesel": "diesel", "Petrol": "petrol"}))
    SHARED = market_of(
        engine_l=Column(headers=("size",), pattern=r"^([\d.]+)$"),
        tax_gbp=Column(kind="number", headers=("size",), pattern=r"^£(\d+)$"),
    )

    @pytest.mark.parametrize(
        ("cells", "fuel"),
        [("Diesel |", "diesel"), ("| Diesel", "diesel"), ("GPL | Diesel", "diesel"), ("Petrol | Diesel", "petrol"), ("|", None)],
    )
    def test_a_row_takes_the_first_cell_that_can_be_read(self, cells, fuel):
        assert row_of(f"fuel | fuel2\n{cells}", self.TWICE).get("fuel") == fuel

    def test_one_unreadable_cell_beside_an_empty_one_is_lost_once(self):
        account = ingest("make | model | year | price | fuel | fuel2\nAudi | A4 | 2015 | 900 | | GPL", self.TWICE).account
        assert account["dropped_values"] == {"fuel unreadable": 1}

    def test_a_shared_header_goes_to_the_column_whose_pattern_fits_and_nothing_is_lost(self):
        cells = "make | model | year | price | size\nAudi | A4 | 2015 | 900 | £145\nAudi | A4 | 2015 | 900 | 2.0"
        intake = ingest(cells, self.SHARED)
        assert intake.accepted["tax_gbp"].fillna(0).tolist() == [145, 0]
        assert intake.accepted["engine_l"].fillna(0).tolist() == [0, 2]
        assert intake.account["dropped_values"] == {}

    def test_a_shared_cell_that_none_can_read_is_lost_to_both(self):
        account = ingest("make | model | year | price | size\nAudi | A4 | 2015 | 900 | big", self.SHARED).account
        assert account["dropped_values"] == {"engine_l unreadable": 1, "tax_gbp unreadable": 1}


class TestCells:
    """One cell at a time."""

    @pytest.mark.parametrize(
        ("cell", "found"),
        [
            ("2.143", (2.143, False)),
            ("2143", (2.143, False)),
            ("1499", (1.499, False)),
            ("0.0", (None, True)),
            ("0", (None, True)),
            ("n/a", (None, True)),
            ("big", (None, False)),
            ("", (None, True)),
        ],
    )
    def test_a_number_tells_its_unit_by_its_size_and_a_missing_zero_has_many_spellings(self, cell, found):
        column = Column(headers=("e",), unit="l", large_unit=LargeUnit(unit="cc", above=100), missing=("0", "n/a"))
        assert cell_reader(column, "number", market_of())(cell) == pytest.approx(found)

    @pytest.mark.parametrize(
        ("cell", "found"),
        [
            ("181 000 km", 181_000),
            ("KM 181 000", 181_000),
            ("100 mi", 160.9344),
            ("100 miles", 160.9344),
            ("100", 160.9344),
            ("100 mix", None),
            ("1.5 lakh km", 150_000),
            ("km", None),
            ("18 kmpl", None),
        ],
    )
    def test_a_word_beside_a_number_is_its_unit(self, cell, found):
        units = {"km": "km", "mi": "mile", "miles": "mile", "lakh": 100_000}
        column = Column(headers=("k",), unit="mile", units=units)
        assert cell_reader(column, "number", market_of())(cell)[0] == pytest.approx(found)

    def test_the_ends_of_a_range_share_their_unit(self):
        column = Column(headers=("k",), parser="range", units={"km": "km", "mi": "mile"})
        assert cell_reader(column, "number", market_of())("10 - 20 mi")[0] == pytest.approx((16.09344, 32.18688))

    def test_a_column_has_a_decimal_mark_of_its_own(self):
        market = MarketTable(title="", currency="EUR", columns=market_of().columns, rows=Rows(decimal_mark=","))
        own = Column(headers=("e",), decimal_mark=".")
        assert cell_reader(own, "number", market)("1.6") == (1.6, False)
        assert cell_reader(Column(headers=("p",)), "number", market)("15.000") == (15_000, False)

    def test_a_word_of_the_vocabulary_is_not_missing(self):
        read = cell_reader(Column(headers=("b",), values={"1": True, "": False}), "boolean", market_of())
        assert [read("1"), read(" "), read("maybe")] == [(True, False), (False, False), (None, False)]

    def test_other_words_are_kept_where_the_market_says_so(self):
        column = Column(headers=("m",), values={"f150": "f-150"}, others="keep")
        read = cell_reader(column, "category", market_of())
        assert [read("F150"), read("Golf"), read("")] == [("f-150", False), ("Golf", False), (None, True)]

    def test_a_range_of_zeros_is_a_missing_zero(self):
        read = cell_reader(Column(headers=("k",), parser="range", missing=("0",)), "number", market_of())
        assert [read("0 - 0"), read("0"), read("0 - 5")] == [(None, True), (None, True), ((0, 5), False)]

    def test_a_pattern_sees_the_cell_without_odd_blanks(self):
        read = cell_reader(Column(headers=("v",), pattern="^(x y)$"), "text", market_of())
        assert read("\u00a0x \t y ") == ("x y", False)

    def test_the_markets_own_missing_marks_hold_everywhere(self):
        market = MarketTable(title="", currency="EUR", columns=market_of().columns, rows=Rows(missing=("", "null")))
        assert cell_reader(Column(headers=("v",)), "category", market)(" null ") == (None, True)
