"""What becomes of the rows of one delivery: accepted or rejected with every reason, and nothing lost."""

import json

import pandas as pd
import pytest

from pipeline.errors import DeliveryUnreadable
from pipeline.market import Column, Identity, Market, Rows
from pipeline.stages.ingest import ROW_UNREADABLE, empty_intake, ingest_rows, required_headers
from tests.drawing import draw_cells, ingest, market_of

MARKET = market_of(
    price=Column(headers=("price",), limits=(100, 50_000)),
    year=Column(headers=("year",), limits=(1980, 2025)),
    fuel=Column(headers=("fuel", "fuel type"), values={"Essence": "petrol", "Diesel": "diesel"}, missing=("?",)),
    engine_l=Column(headers=("engine",), unit="cc", limits=(0.5, 9), missing=("0",)),
)


def reasons(drawing: str, market: Market = MARKET) -> list[list[str]]:
    return [list(row) for row in ingest(drawing, market).rejected["reasons"]]


class TestRejection:
    """Which rows are rejected, and what is said about them."""

    def test_a_good_row_is_accepted_with_its_number(self):
        intake = ingest(
            """
            make | model | year | price
            Audi | A4    | 2015 | 9000
            Audi | A4    | 2015 |
            VW   | Golf  | 2010 | 5000
            """
        )
        assert intake.accepted["row"].tolist() == [1, 3]
        assert intake.accepted["make"].tolist() == ["Audi", "VW"]

    @pytest.mark.parametrize(
        ("row", "expected"),
        [
            ("     | A4 | 2015 | 9000 ", ["make missing"]),
            ("Audi |    | 2015 | 9000 ", ["model missing"]),
            ("Audi | A4 |      | 9000 ", ["year missing"]),
            ("Audi | A4 | 2015 |      ", ["price missing"]),
            ("Audi | A4 | new  | 9000 ", ["year unreadable"]),
            ("Audi | A4 | 2015 | call ", ["price unreadable"]),
            ("Audi | A4 | 2015 | 99   ", ["price below 100"]),
            ("Audi | A4 | 2015 | 60000", ["price above 50,000"]),
            ("Audi | A4 | 1970 | 9000 ", ["year below 1980"]),
            ("     |    | new  | 1    ", ["make missing", "model missing", "price below 100", "year unreadable"]),
        ],
    )
    def test_a_row_is_rejected_with_every_reason(self, row, expected):
        (found,) = reasons(f"make | model | year | price\n{row}")
        assert sorted(found) == expected

    @pytest.mark.parametrize("row", ["Audi | A4 | 2015 | 100", "Audi | A4 | 2015 | 50000", "Audi | A4 | 1980 | 500"])
    def test_a_value_on_its_limit_is_accepted(self, row):
        assert reasons(f"make | model | year | price\n{row}") == []

    def test_a_rejected_row_is_kept_whole(self):
        rejected = ingest("make | model | year | price | seller's words\nAudi | A4 | 2015 | | très « bon »").rejected
        assert json.loads(rejected["record"].iloc[0]) == {
            "make": "Audi",
            "model": "A4",
            "year": "2015",
            "price": "",
            "seller's words": "très « bon »",
        }

    def test_the_details_show_the_value_and_cut_a_long_one(self):
        (row,) = ingest(f"make | model | year | price\nAudi | A4 | 2015 | {'x' * 500}").rejected["details"]
        assert list(row) == [f"price unreadable: '{'x' * 80}'"]

    def test_rows_of_another_width_are_rejected_in_their_place(self):
        rows = draw_cells("make | model | year | price\nAudi | A4 | 2015 |").set_axis(pd.Index([2], name="row"))
        intake = ingest_rows(rows, [(1, "Audi,A4"), (3, "VW,Golf,2010,1,2")], MARKET, {})
        assert intake.rejected["row"].tolist() == [1, 2, 3]
        assert list(intake.rejected["reasons"].iloc[0]) == [ROW_UNREADABLE]
        assert intake.rejected["record"].iloc[0] == "Audi,A4"

    def test_the_account_adds_up(self):
        rows = draw_cells("make | model | year | price | junk\nAudi | A4 | 2015 | 900 | x\nAudi | A4 | | 1 | x")
        account = ingest_rows(rows, [(3, "Audi,A4")], MARKET, {}).account
        assert account == {
            "rows": 3,
            "accepted": 1,
            "rejected": 1,
            "unreadable": 1,
            "reasons": {"price below 100": 1, ROW_UNREADABLE: 1, "year missing": 1},
            "dropped_values": {},
            "rehomed": {},
            "examples": {
                "price below 100": {"row": 2, "value": "1"},
                "year missing": {"row": 2, "value": ""},
                ROW_UNREADABLE: {"row": 3, "value": "Audi,A4"},
            },
            "remedies": [],
            "columns_unused": ["junk"],
            "columns_absent": ["fuel", "engine_l"],
            "sheets_unread": {},
            "set_aside": None,
        }


class TestOptionalCells:
    """What happens to cells that a listing can do without."""

    def test_an_unreadable_one_becomes_missing_and_is_counted(self):
        intake = ingest(
            "make | model | year | price | fuel\nAudi | A4 | 2015 | 900 | GPL\nAudi | A4 | 2015 | 900 | Diesel", MARKET
        )
        assert intake.accepted["fuel"].isna().tolist() == [True, False]
        assert intake.account["dropped_values"] == {"fuel unreadable": 1}

    @pytest.mark.parametrize("mark", ["", "?", " ? "])
    def test_a_missing_one_is_not_counted(self, mark):
        rows = pd.DataFrame({"make": ["A"], "model": ["B"], "year": ["2015"], "price": ["900"], "fuel": [mark]}, dtype="str")
        intake = ingest(rows, MARKET)
        assert intake.accepted["fuel"].isna().all()
        assert intake.account["dropped_values"] == {}

    def test_one_outside_its_limits_rejects_the_row(self):
        assert reasons("make | model | year | price | engine\nAudi | A4 | 2015 | 900 | 99999") == [["engine_l above 9"]]

    def test_a_columns_own_mark_for_missing_is_not_judged_by_its_limits(self):
        intake = ingest("make | model | year | price | engine\nAudi | A4 | 2015 | 900 | 0", MARKET)
        assert intake.accepted["engine_l"].isna().all()


class TestExamples:
    """What an account shows of rejected rows and lost values, so that a person sees what is wrong."""

    def test_the_first_row_of_each_reason_is_shown_with_its_value(self):
        rows = "make|model|year|price|fuel\nAudi|A4|2015|900|GPL\nAudi|A4|2015| à  négocier|Diesel\nAudi|A4|2015|call|Diesel"
        assert ingest(rows, MARKET).account["examples"] == {
            "fuel unreadable": {"row": 1, "value": "GPL"},
            "price unreadable": {"row": 2, "value": "à négocier"},
        }

    def test_the_other_decimal_mark_is_proposed_where_it_would_read_most(self):
        rows = "make|model|year|price\nAudi|A4|2015|85.000,50\nAudi|A4|2015|9,5\nAudi|A4|2015|call"
        assert ingest(rows, MARKET).account["remedies"] == ["say [rows] decimal_mark = ',', which would read price"]
        assert ingest(rows.replace("9,5", "ask"), MARKET).account["remedies"] == []
        comma = Market(title="", currency="EUR", columns=MARKET.columns, rows=Rows(decimal_mark=","))
        assert ingest("make|model|year|price\nAudi|A4|2015|85,000.50", comma).account["remedies"] == [
            "say [rows] decimal_mark = '.', which would read price"
        ]

    def test_a_delivery_of_which_nothing_is_accepted_is_set_aside_with_row_value_and_remedy(self):
        account = ingest("make|model|year|price\nAudi|A4|2015|85.000,50", MARKET).account
        assert account["set_aside"] == (
            "none of its 1 rows could be accepted (price unreadable: 1, as in row 1: '85.000,50'); mend the file, or the columns and limits "
            "in the market's TOML, or say [rows] decimal_mark = ',', which would read price"
        )

    def test_a_delivery_of_which_a_required_column_tells_nothing_is_refused_with_row_value_and_remedy(self):
        market = market_of(mileage_km=Column(headers=("km",), required=True))
        rows = "make|model|year|price|km\nAudi|A4|2015|900|\nAudi|A4|2015|900|very few\nAudi|A4|2015|900|{}"
        with pytest.raises(DeliveryUnreadable) as refusal:
            ingest(rows.format("many"), market)
        assert str(refusal.value) == (
            "none of the 2 values of mileage_km, which the market requires, can be read (row 2: 'very few'); mend the file or what "
            "[columns.mileage_km] says of it"
        )
        assert ingest(rows.format("7"), market).account["dropped_values"] == {"mileage_km unreadable": 1}
        with pytest.raises(DeliveryUnreadable, match=r"or say \[rows\] decimal_mark = ',', which would read mileage_km"):
            ingest("make|model|year|price|km\nAudi|A4|2015|900|1.000,5", market)


class TestColumns:
    """Where the columns of an accepted row come from."""

    def test_they_are_all_there_in_their_fixed_order_with_their_types(self):
        market = market_of(
            first_owner=Column(headers=("first",), values={"Oui": True}),
            vin=Column(headers=("vin",)),
            mileage_km=Column(headers=("km",), parser="range"),
            posted_on=Column(headers=("posted",)),
        )
        accepted = ingest("make | model | year | price\nAudi | A4 | 2015 | 900", market).accepted
        assert accepted.dtypes.astype(str).to_dict() == {
            "row": "int64",
            "price": "float64",
            "make": "str",
            "model": "str",
            "year": "float64",
            "mileage_km": "float64",
            "mileage_low_km": "float64",
            "mileage_high_km": "float64",
            "first_owner": "boolean",
            "vin": "str",
            "posted_on": "str",
            "listing_id": "str",
            "twin_id": "str",
        }

    def test_the_types_are_the_same_when_nothing_is_accepted(self):
        some = ingest("make | model | year | price\nAudi | A4 | 2015 | 900", MARKET).accepted
        none = ingest("make | model | year | price\nAudi | A4 | 2015 |", MARKET).accepted
        assert none.empty
        assert none.dtypes.to_dict() == some.dtypes.to_dict()

    def test_any_of_a_columns_headers_will_do(self):
        accepted = ingest("MAKE | Model | year | price | Fuel  Type\nAudi | A4 | 2015 | 900 | essence", MARKET).accepted
        assert accepted["fuel"].tolist() == ["petrol"]

    def test_units_are_converted_before_the_limits_judge(self):
        accepted = ingest("make | model | year | price | engine\nAudi | A4 | 2015 | 900 | 1,998", MARKET).accepted
        assert accepted["engine_l"].tolist() == [pytest.approx(1.998)]

    @pytest.mark.parametrize(("unit", "expected"), [("km", 100), ("mile", 160.9344)])
    def test_a_range_gives_both_ends_and_the_middle_in_kilometres(self, unit, expected):
        market = market_of(mileage_km=Column(headers=("distance",), parser="range", unit=unit))
        accepted = ingest("make | model | year | price | distance\nAudi | A4 | 2015 | 900 | 50 - 150", market).accepted
        ends = accepted[["mileage_low_km", "mileage_km", "mileage_high_km"]].iloc[0].tolist()
        assert ends == pytest.approx([expected / 2, expected, expected * 1.5])

    def test_a_range_is_judged_by_its_high_end(self):
        market = market_of(mileage_km=Column(headers=("km",), parser="range", limits=(0, 100)))
        assert reasons("make | model | year | price | km\nAudi | A4 | 2015 | 900 | 50 - 150", market) == [
            ["mileage_km above 100"]
        ]

    def test_a_pattern_cuts_the_value_out_of_its_cell(self):
        market = market_of(advert_id=Column(headers=("link",), pattern=r"_(\d+)\.htm$"))
        accepted = ingest("make|model|year|price|link\nAudi|A4|2015|9|/a_b_77.htm\nAudi|A4|2015|9|/about", market).accepted
        assert accepted["advert_id"].iloc[0] == "77"
        assert accepted["advert_id"].isna().tolist() == [False, True]

    def test_the_files_name_may_give_a_column(self):
        market = market_of(make=Column(file_name=r"^(\w+)$", values={"vw": "Volkswagen"}))
        drawing = "model | year | price\nGolf | 2015 | 900"
        assert ingest(drawing, market, make="vw").accepted["make"].tolist() == ["Volkswagen"]
        assert list(ingest(drawing, market, make="lada").rejected["reasons"].iloc[0]) == ["make unreadable"]
        assert list(ingest(drawing, market, make="").rejected["reasons"].iloc[0]) == ["make missing"]

    def test_a_market_may_write_decimals_with_a_comma(self):
        market = Market(title="", currency="EUR", columns=MARKET.columns, rows=Rows(decimal_mark=","))
        accepted = ingest("make | model | year | price\nAudi | A4 | 2015 | 9.000,50", market).accepted
        assert accepted["price"].tolist() == [9000.5]

    def test_the_required_headers_are_those_that_a_file_must_have(self):
        market = market_of(make=Column(file_name="(.*)", required=True), fuel=Column(headers=("a", "b"), required=True))
        assert required_headers(market) == {"price": ("price",), "model": ("model",), "year": ("year",), "fuel": ("a", "b")}


class TestIdentity:
    """By which listings and twins are known."""

    market = market_of(advert_id=Column(headers=("id",)), vin=Column(headers=("vin",)), color=Column(headers=("color",)))

    def ids(self, drawing: str, column: str = "listing_id") -> list[str]:
        return ingest(drawing, self.market).accepted[column].tolist()

    def test_the_adverts_id_wins_over_the_vin_and_the_vin_over_the_row(self):
        ids = self.ids(
            """
            make | model | year | price | id | vin
            Audi | A4    | 2015 | 900   | 7  | W1
            Audi | A4    | 2015 | 900   |    | W1
            Audi | A4    | 2015 | 900   |    |
            """
        )
        assert ids[:2] == ["advert_id:7", "vin:W1"]
        assert ids[2].startswith("row:")

    def test_equal_rows_without_an_id_are_one_listing_however_they_are_written(self):
        first, second, other = self.ids("make|model|year|price\nAudi|A4|2015|9000\nAudi |A4|2015.0|9,000\nAudi|A4|2015|9001")
        assert first == second
        assert first != other

    def test_a_column_that_the_market_does_not_know_does_not_change_the_identity(self):
        plain = self.ids("make|model|year|price\nAudi|A4|2015|9000")
        assert self.ids("make|model|year|price|seen\nAudi|A4|2015|9000|3 times") == plain

    def test_values_in_different_columns_are_different_rows(self):
        market = market_of(color=Column(headers=("color",)), city=Column(headers=("city",)))
        rows = "make|model|year|price|color|city\nAudi|A4|2015|9000|Nice|\nAudi|A4|2015|9000||Nice"
        assert ingest(rows, market).accepted["listing_id"].is_unique

    def test_twins_are_the_same_car_at_any_price_and_under_any_id(self):
        first, second, other = self.ids(
            "make|model|year|price|id|color\nAudi|A4|2015|9000|1|red\nAudi|A4|2015|8000|2|red\nAudi|A4|2015|9000|3|blue",
            "twin_id",
        )
        assert first == second
        assert first != other

    def test_a_market_may_say_which_columns_make_twins(self):
        market = Market(title="", currency="EUR", columns=self.market.columns, identity=Identity(twins=("make", "model")))
        accepted = ingest("make|model|year|price\nAudi|A4|2015|9000\nAudi|A4|2016|8000", market).accepted
        assert accepted["twin_id"].nunique() == 1


def test_a_delivery_that_is_set_aside_gives_no_row_and_the_reason():
    intake = empty_intake(MARKET, "the file is empty")
    some = ingest("make | model | year | price\nAudi | A4 | 2015 | 900\nAudi | A4 | 2015 |", MARKET)
    assert intake.accepted.empty
    assert intake.rejected.empty
    assert intake.accepted.dtypes.to_dict() == some.accepted.dtypes.to_dict()
    assert intake.rejected.dtypes.to_dict() == some.rejected.dtypes.to_dict()
    assert intake.account["set_aside"] == "the file is empty"
    assert (intake.account["rows"], intake.account["accepted"]) == (0, 0)


class TestHeadersThatStandThereTwice:
    """A second column of one name is another one, and the market must say what it is."""

    ROWS = pd.DataFrame(
        {"make": ["VW"], "model": ["Golf"], "year": ["2010"], "price": ["5000"], "price (2)": ["6000"]}, index=[1], dtype="str"
    )

    def test_they_are_refused_until_the_market_says_what_the_second_one_is(self):
        with pytest.raises(DeliveryUnreadable, match=r"the header names 'price' more than once; .* say what 'price \(2\)'"):
            ingest_rows(self.ROWS, [], MARKET, {})

    def test_the_market_may_take_the_second_one_and_leave_out_the_first(self):
        columns = {**MARKET.columns, "price": Column(headers=("price (2)",))}
        market = Market(title="", currency="EUR", columns=columns, rows=Rows(unused=("price",)))
        assert ingest_rows(self.ROWS, [], market, {}).accepted["price"].tolist() == [6000]
