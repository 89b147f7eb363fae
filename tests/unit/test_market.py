"""What a market's TOML may say, what it is refused for, and what each of ours promises."""

from pathlib import Path

import msgspec
import pytest

from pipeline import paths
from pipeline.errors import MarketInvalid, MarketUnknown
from pipeline.market import Market, fold_header, range_ends
from pipeline.market_files import load_market

OURS = (paths.PACKAGE / "markets",)
MINIMAL = """
title = "Tiny"
currency = "EUR"

[columns]
price = { headers = ["price"] }
make = { headers = ["make"] }
model = { headers = ["model"] }
year = { headers = ["year"] }
"""


class Folder:
    """A folder of markets to write and load."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, text: str, name: str = "tiny") -> Market:
        (self.path / f"{name}.toml").write_text(text, encoding="utf-8")
        return load_market(name, (self.path,))

    def refusal(self, text: str, name: str = "tiny") -> str:
        with pytest.raises(MarketInvalid) as refusal:
            self.load(text, name)
        return str(refusal.value)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_four_columns_a_title_and_a_currency_make_a_market(folder):
    market = folder.load(MINIMAL)
    assert list(market.canonical_columns()) == ["price", "make", "model", "year"]


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        ('vin = { header = ["VIN"] }', "[columns.vin] has no key 'header' (did you mean 'headers'?)"),
        ("[chekc]", "the file has no key 'chekc' (did you mean 'check'?)"),
        ('vin = { headers = "VIN" }', '[columns.vin] headers must be a list of texts, not "VIN"'),
        ("vin = { headers = [1] }", "[columns.vin] headers must be a list of texts, not [1]"),
        ('fuel = { headers = ["f"], parser = "rnage" }', "[columns.fuel] parser must be 'plain' or 'range', not \"rnage\""),
        ('fule = { headers = ["f"] }', "[columns.fule] needs a `kind`: it is not a canonical column (did you mean 'fuel'?)"),
        ('fuel = { headers = ["f"], kind = "number" }', "[columns.fuel] cannot be a number: in every market it is a category"),
        ("fuel = {}", "[columns.fuel] needs either `headers` or `file_name`"),
        ('fuel = { headers = ["f"], file_name = "(.*)" }', "[columns.fuel] needs either `headers` or `file_name`"),
        ('doors = { headers = ["d"], limits = [9, 1] }', "[columns.doors] limits [9.0, 1.0] are upside down"),
        (
            'doors = { headers = ["d"], limits = [1] }',
            "[columns.doors] limits must be a pair of numbers, the low one first, not [1]",
        ),
        ('mileage_km = { headers = ["m"], unit = "miles" }', "unit 'miles' is not known (did you mean 'mile'?)"),
        ('mileage_km = { headers = ["m"], unit = "kw" }', "[columns.mileage_km] unit 'kw' is none of km, mile"),
        ('power_hp = { headers = ["p"], units = { ch = "km" } }', "[columns.power_hp] unit 'km' is none of hp, kw"),
        ('vin = { headers = ["v"], pattern = "(" }', "[columns.vin] pattern '(' is not a regular expression"),
        ('vin = { headers = ["v"], pattern = "a" }', "pattern 'a' needs exactly one group in parentheses"),
        ('vin = { file_name = "(a)(b)" }', "file_name '(a)(b)' needs exactly one group in parentheses"),
        ('vin = { headers = [" PRICE"] }', "[columns.vin] and [columns.price] both claim the header ' PRICE'"),
        ("[identity]\ntwins = ['mak']", "[identity] twins names 'mak', which no column gives (did you mean 'make'?)"),
        ("[check]\nmax_rejected_share = 20", "[check] max_rejected_share must be a share from 0 to 1, not 20"),
        ("[check]\nmin_accepted_rows = 0", "[check] min_accepted_rows must be a whole number of at least 1, not 0"),
        ("[rows]\ndecimal_mark = ' '", "[rows] decimal_mark must be ',' or '.', not \" \""),
        ("[files]\nencodings = ['utf9']", "[files] encodings names 'utf9', which is no encoding"),
        (
            'vin = { headers = ["make"] }',
            "[columns.vin] and [columns.make] both claim the header 'make'; columns that share one need",
        ),
        ('fuel = { headers = ["f"], limits = [1, 2] }', "[columns.fuel] limits is for numbers, and this is a category"),
        ('fuel = { headers = ["f"], unit = "km" }', "[columns.fuel] unit is for numbers, and this is a category"),
        ('fuel = { headers = ["f"], parser = "range" }', "[columns.fuel] parser 'range' is for numbers, and this is a category"),
        ('doors = { headers = ["f"], values = { x = "y" } }', "[columns.doors] values is for words, and this is a number"),
        (
            'engine_l = { headers = ["e"], large_unit = { unit = "cc", above = 5 }, limits = [0, 9] }',
            "[columns.engine_l] large_unit and limits overlap: 5 to 9 could be either as it is or cc",
        ),
        (
            'engine_l = { headers = ["e"], large_unit = { unit = "ccm", above = 50 } }',
            "[columns.engine_l] unit 'ccm' is not known (did you mean 'cc'?)",
        ),
        ("[rows]\nunused = ['Price']", "[columns.price] and [rows] unused both claim the header 'price'"),
        ("[[reject]]\nreason = 'x'", "[[reject]] 'x' says of no column what it rejects"),
        ("[[reject]]\nreason = 'x'\nwords = { fule = ['y'] }", "[[reject]] 'x' names 'fule', which is no column of this market"),
        ("[[reject]]\nreason = 'x'\nwords = { price = ['y'] }", "asks for words of price, which is a number; use `between`"),
        ("[[reject]]\nreason = 'x'\nbetween = { make = [1, 2] }", "asks for a number of make, which is a category"),
        ("[[reject]]\nreason = 'x'\nbetween = { price = [2, 1] }", "has price upside down"),
        (
            "fuel = { headers = ['f'], values = { d = 'diesel' } }\n[[reject]]\nreason = 'x'\nwords = { fuel = ['deisel'] }",
            "asks for 'deisel', which fuel never says (did you mean 'diesel'?)",
        ),
        (
            "doors = { headers = ['d'], limits = [1, 9] }\n[[reject]]\nreason = 'x'\nbetween = { doors = [10, 12] }",
            "can never meet a doors of [10.0, 12.0]: its limits are [1.0, 9.0]",
        ),
        ('doors = { headers = ["d"], limits = [nan, 9] }', "[columns.doors] limits must be of finite numbers, not [NaN, 9]"),
        ('posted_on = { headers = ["d"], date_format = "%Q" }', "date_format '%Q' does not tell one day from another"),
        ('doors = { headers = ["d"], units = { d = "dors" } }', "[columns.doors] unit 'dors' is not known"),
        ('doors = { headers = ["d"], units = { d = 0 } }', "[columns.doors] units"),
        ('doors = { headers = ["d"], units = { 5d = 1 } }', "units names '5d', which is no word that can stand beside a number"),
        ('fuel = { headers = ["f"], units = { km = "km" } }', "units is for numbers, and this is a category"),
        (
            'posted_on = { headers = ["d"], date_format = ["%Y-%m-%d", "%m"] }',
            "date_format '%m' does not tell one day from another",
        ),
        ('posted_on = { headers = ["d"], date_format = "%m/%y" }', "date_format '%m/%y' does not tell one day from another"),
        (
            'fuel = { headers = ["f"], values = { Diesel = "diesel", " diesel" = "oil" } }',
            "[columns.fuel] values gives ' diesel' two meanings: 'diesel' and 'oil'",
        ),
        ("[files]\nseparators = ['||']", "[files] separators holds '||', which is not one character"),
        ("[files]\nseparators = []", '[files] separators is empty: name at least one, as in [","]'),
        ("[files]\nencodings = []", '[files] encodings is empty: name at least one, as in ["utf-8"]'),
        ("[files]\npatterns = []", '[files] patterns is empty: name at least one, as in ["*.csv"]'),
        ("[files]\npatterns = ['']", "[files] patterns holds '', which no file can match"),
        *(
            (f"[files]\nencodings = ['{name}']", f"[files] encodings names '{name}', which is no encoding of text; utf-8,")
            for name in ("rot13", "base64", "idna", "undefined", "")
        ),
        *(
            (f'[files]\nseparators = ["{text}"]', "which is not one character that can stand between cells, as ','")
            for text in (r"\"", r"\n", r"\r", r"\u0000", "é", "")
        ),
        (
            'mileage = { headers = ["f"] }',
            "[columns.mileage] needs a `kind`: it is not a canonical column (did you mean 'mileage_km'?)",
        ),
        ('foo = { headers = ["f"] }\n[identity]\ntwins = ["foo"]', "[columns.foo] needs a `kind`"),
        ('foo = { headers = ["f"] }\n[[reject]]\nreason = "x"\nbetween = { foo = [1, 2] }', "[columns.foo] needs a `kind`"),
        (
            'doors = { headers = ["d"], limits = "cheap" }',
            '[columns.doors] limits must be a pair of numbers, the low one first, not "cheap"',
        ),
        ('doors = { headers = ["d"], limits = [0, "many"] }', 'the low one first, not [0, "many"]'),
        ('doors = { headers = ["d"], limits = [0, inf] }', "[columns.doors] limits must be of finite numbers, not [0, Infinity]"),
        ('fuel = { headers = ["f"], values = { a = 3 } }', 'each value is text or true or false, not {"a": 3}'),
        ('engine_l = { headers = ["e"], large_unit = { unit = "cc" } }', "[columns.engine_l] large_unit lacks the key 'above'"),
        ("fuel = 3", "[columns.fuel] must be a table, not 3"),
        ("[[reject]]\nwords = { make = ['x'] }", "[[reject]] lacks the key 'reason'"),
        (
            "[[reject]]\nreason = 'x'\nwords = { make = 3 }",
            "[[reject]] words must be a table in which each value is a list of texts",
        ),
        ("[reject]\nreason = 'x'", 'reject must be a list of tables, not {"reason": "x"}'),
        ("[check]\nmax_rejected_share = nan", "[check] max_rejected_share must be a share from 0 to 1, not NaN"),
    ],
)
def test_a_slip_is_refused_with_the_place_and_the_nearest_right_word(folder, addition, message):
    refusal = folder.refusal(MINIMAL + addition)
    assert str(folder.path / "tiny.toml") in refusal
    assert message in refusal


@pytest.mark.parametrize("name", ["price", "make", "model", "year"])
def test_a_market_without_a_column_that_every_market_needs_is_refused(folder, name):
    lines = [line for line in MINIMAL.splitlines() if not line.startswith(name)]
    assert f"[columns.{name}] is missing" in folder.refusal("\n".join(lines))


@pytest.mark.parametrize("currency", ["eur", "EURO", "€"])
def test_a_currency_is_three_capital_letters(folder, currency):
    assert f'currency must be three capital letters, like EUR, not "{currency}"' in folder.refusal(
        MINIMAL.replace("EUR", currency)
    )


def test_a_title_that_toml_reads_as_a_date_is_refused(folder):
    assert "title must be text, not 2024-01-01" in folder.refusal(MINIMAL.replace('"Tiny"', "2024-01-01"))


def test_a_file_that_may_not_be_read_is_named(folder, monkeypatch):
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert "tiny.toml may not be read (Permission denied). Let this user read it." in folder.refusal(MINIMAL)


def test_what_is_no_toml_is_refused(folder):
    assert "is not valid TOML" in folder.refusal("title = ")


def test_bytes_that_are_no_utf_8_are_refused(folder):
    (folder.path / "tiny.toml").write_bytes(MINIMAL.encode() + b"# \xff")
    with pytest.raises(MarketInvalid, match="is not valid TOML"):
        load_market("tiny", (folder.path,))


def test_an_unknown_market_is_refused_with_the_nearest_name_and_all_known_ones():
    with pytest.raises(MarketUnknown) as refusal:
        load_market("smaple", OURS)
    assert "There is no market 'smaple' (did you mean 'sample'?). Known markets: " in str(refusal.value)
    assert {"avito_ma", "sample", "uk"} <= set(str(refusal.value).replace(",", " ").replace(".", " ").split())


@pytest.mark.parametrize("name", ["../markets/uk", "/etc/passwd", "", "uk.toml", "."])
def test_a_markets_name_is_no_path(name):
    with pytest.raises(MarketUnknown):
        load_market(name, OURS)


def test_a_market_of_ones_own_wins_over_ours(folder):
    (folder.path / "uk.toml").write_text(MINIMAL)
    assert load_market("uk", (folder.path, *OURS)).title == "Tiny"


def test_an_edited_market_is_read_afresh(folder):
    folder.load(MINIMAL)
    assert folder.load(MINIMAL.replace("Tiny", "Other")).title == "Other"


class TestLike:
    """A market that is like another one but for what it says."""

    def test_it_inherits_all_that_it_does_not_say(self, folder):
        folder.load(MINIMAL + "[check]\nmin_accepted_rows = 7\nmax_rejected_share = 0.1", "base")
        market = folder.load('like = "base"\ntitle = "Derived"\n[check]\nmax_rejected_share = 0.5')
        assert (market.title, market.currency) == ("Derived", "EUR")
        assert (market.check.min_accepted_rows, market.check.max_rejected_share) == (7, 0.5)

    def test_it_may_change_one_key_of_a_column(self, folder):
        folder.load(MINIMAL + 'doors = { headers = ["d"], limits = [1, 9] }', "base")
        market = folder.load('like = "base"\n[columns.doors]\nlimits = [2, 5]')
        assert market.columns["doors"].limits == (2, 5)
        assert market.columns["doors"].headers == ("d",)

    def test_its_vocabulary_replaces_the_other_one_whole(self, folder):
        folder.load(MINIMAL + 'fuel = { headers = ["f"], values = { a = "petrol", b = "diesel" } }', "base")
        market = folder.load('like = "base"\n[columns.fuel]\nvalues = { c = "petrol" }')
        assert market.columns["fuel"].values == {"c": "petrol"}

    def test_it_may_be_like_one_of_ours(self, folder):
        (folder.path / "tiny.toml").write_text('like = "uk"\ncurrency = "EUR"')
        assert load_market("tiny", (folder.path, *OURS)).columns == load_market("uk", OURS).columns

    @pytest.mark.parametrize("like", ['"tiny"', "3", '["uk"]'])
    def test_it_must_be_another_market(self, folder, like):
        assert "`like` must name another market" in folder.refusal(f"like = {like}")

    def test_two_markets_like_each_other_are_refused(self, folder):
        (folder.path / "other.toml").write_text('like = "tiny"')
        assert "`like` must name another market" in folder.refusal('like = "other"')

    def test_a_circle_of_three_is_refused(self, folder):
        (folder.path / "second.toml").write_text('like = "third"')
        (folder.path / "third.toml").write_text('like = "tiny"')
        assert "`like` must name another market, not 'tiny'" in folder.refusal('like = "second"')

    def test_a_slip_in_what_it_adds_is_told_with_its_own_file(self, folder):
        folder.load(MINIMAL, "base")
        refusal = folder.refusal('like = "base"\n[columns.vin]\nheader = ["v"]')
        assert str(folder.path / "tiny.toml") in refusal
        assert "did you mean 'headers'?" in refusal

    def test_an_unknown_market_to_be_like_is_named(self, folder):
        with pytest.raises(MarketUnknown, match="There is no market 'tinny'"):
            folder.load('like = "tinny"')


class TestParts:
    """What each stage is given of a market."""

    def test_a_range_adds_its_ends_to_the_canonical_columns(self, folder):
        market = folder.load(MINIMAL + 'mileage_km = { headers = ["m"], parser = "range" }')
        assert list(market.canonical_columns())[-3:] == ["mileage_km", "mileage_low_km", "mileage_high_km"]
        assert range_ends("mileage_km") == ("mileage_low_km", "mileage_high_km")

    def test_the_order_of_columns_is_ours_and_not_the_files(self, folder):
        extra = ['vin = { headers = ["v"] }', 'b = { kind = "text", headers = ["b"] }', 'a = { kind = "text", headers = ["a"] }']
        orders = [list(folder.load(MINIMAL + "\n".join(lines)).canonical_columns()) for lines in (extra, extra[::-1])]
        assert orders[0] == orders[1] == ["price", "make", "model", "year", "vin", "a", "b"]

    def test_ingest_does_not_depend_on_what_later_stages_use(self, folder):
        before = folder.load(MINIMAL + 'color = { headers = ["c"] }')
        after = folder.load(
            MINIMAL.replace("Tiny", "Other").replace("EUR", "USD")
            + 'color = { headers = ["c"], feature = false }\n[files]\npatterns = ["*.txt"]\n[check]\nmin_accepted_rows = 9'
        )
        assert before != after
        assert before.for_ingest() == after.for_ingest()

    @pytest.mark.parametrize(
        "addition",
        [
            'color = { headers = ["c", "colour"] }',
            'color = { headers = ["c"], values = { rot = "red" } }',
            'color = { headers = ["c"] }\n[rows]\nmissing = ["-"]',
            'color = { headers = ["c"] }\n[files]\nencodings = ["cp1252"]',
            'color = { headers = ["c"] }\n[identity]\ntwins = ["make", "model"]',
        ],
    )
    def test_ingest_depends_on_all_that_decides_what_becomes_of_a_row(self, folder, addition):
        before = folder.load(MINIMAL + 'color = { headers = ["c"] }')
        assert folder.load(MINIMAL + addition).for_ingest() != before.for_ingest()

    def test_what_ingest_is_given_survives_being_written_as_plain_values(self):
        for name in ("avito_ma", "uk", "sample"):
            part = load_market(name, OURS).for_ingest()
            assert msgspec.convert(msgspec.to_builtins(part), Market) == part

    def test_naming_the_same_twins_in_another_order_changes_nothing(self, folder):
        orders = [folder.load(f"{MINIMAL}[identity]\ntwins = {names}") for names in ("['make', 'year']", "['year', 'make']")]
        assert orders[0].for_ingest() == orders[1].for_ingest()

    def test_twins_are_known_by_all_that_describes_the_car_when_nothing_is_named(self, folder):
        market = folder.load(MINIMAL + 'vin = { headers = ["v"] }\nposted_on = { headers = ["p"] }\ncolor = { headers = ["c"] }')
        assert market.twin_columns() == ["color", "make", "model", "year"]

    def test_twins_are_known_by_the_columns_that_are_named(self, folder):
        assert folder.load(MINIMAL + "[identity]\ntwins = ['year', 'make']").twin_columns() == ["make", "year"]

    def test_a_model_sees_no_price_no_identity_no_date_and_no_end_of_a_range(self, folder):
        market = folder.load(
            MINIMAL
            + 'vin = { headers = ["v"] }\nposted_on = { headers = ["p"] }\ncolor = { headers = ["c"], feature = false }\n'
            + 'mileage_km = { headers = ["m"], parser = "range" }\nhas_abs = { kind = "boolean", headers = ["ABS"] }'
        )
        assert list(market.feature_columns()) == ["make", "model", "year", "mileage_km", "has_abs"]

    def test_a_files_name_gives_a_column_or_an_empty_cell(self, folder):
        market = folder.load(MINIMAL + r"""trim = { file_name = '^([a-z]+)-\d+$' }""")
        assert market.values_from_name("ford-2") == {"trim": "ford"}
        assert market.values_from_name("2024") == {"trim": ""}


class TestOurs:
    """What the markets that come with the pipeline promise."""

    @pytest.mark.parametrize(
        ("name", "currency", "synthetic"), [("avito_ma", "MAD", False), ("uk", "GBP", False), ("sample", "MAD", True)]
    )
    def test_each_names_its_currency_and_says_whether_it_is_invented(self, name, currency, synthetic):
        market = load_market(name, OURS)
        assert (market.currency, market.synthetic) == (currency, synthetic)

    def test_the_sample_is_avito_but_for_its_name(self):
        sample, avito = load_market("sample", OURS), load_market("avito_ma", OURS)
        assert sample.for_ingest() == avito.for_ingest()
        assert sample.title != avito.title

    def test_avito_requires_what_both_of_its_schemas_have(self):
        market = load_market("avito_ma", OURS)
        required = [name for name, column in market.columns.items() if column.required]
        assert sorted(required) == sorted([*market.twin_columns(), "price"])
        assert len(required) == 10

    def test_avito_has_sixteen_equipment_columns(self):
        market = load_market("avito_ma", OURS)
        equipment = [name for name, kind in market.canonical_columns().items() if name.startswith("has_") and kind == "boolean"]
        assert len(equipment) == 16

    def test_avito_reads_either_separator_and_either_encoding(self):
        files = load_market("avito_ma", OURS).files
        assert set(files.separators) >= {",", ";"}
        assert files.encodings == ("utf-8", "latin-1")

    def test_the_uk_takes_the_make_from_the_files_name_and_miles_as_kilometres(self):
        market = load_market("uk", OURS)
        assert market.values_from_name("merc") == {"make": "merc"}
        assert market.columns["make"].values["merc"] == "Mercedes-Benz"
        assert market.columns["mileage_km"].unit == "mile"

    def test_the_uk_knows_both_spellings_of_the_tax_column(self):
        headers = load_market("uk", OURS).columns["tax_gbp"].headers
        assert {fold_header(header) for header in headers} == {"tax", "tax(£)"}


@pytest.mark.parametrize("header", ["Modèle", " modèle", "MODÈLE ", "Mode\u0300le"])
def test_headers_are_compared_without_blanks_letter_case_and_spelling_of_accents(header):
    assert fold_header(header) == fold_header("Modèle")


def test_headers_with_other_words_differ():
    assert fold_header("Prix HT") != fold_header("PrixHT")


def test_a_market_may_have_a_dash_in_its_name(folder):
    assert folder.load(MINIMAL, "my-market").title == "Tiny"
