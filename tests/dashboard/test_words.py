"""Every text on the screen has its French, with the same values in it; numbers, money and dates follow the market."""

import ast
import io
import re
from pathlib import Path

import pandas as pd
import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from dashboard import words
from dashboard.words import Words
from pipeline.stages import findings
from pipeline.valuation.domain import assess, learn_domain
from pipeline.valuation.features import choose_features

DASHBOARD = Path(words.__file__).parent
KEYWORDS = {"say": None, "say_many": (1, 2), "mark": None}


def said() -> dict[str, str]:
    """Return every text that the code says with the place where it stands; of plurals the first form."""
    found = {}
    for file, line, message, _, _ in extract_from_dir(str(DASHBOARD), [("**.py", "python")], keywords=KEYWORDS):
        text = message if isinstance(message, str) else message[0]
        found.setdefault(text, f"{file}:{line}")
    return found


def translated(language: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in sorted((DASHBOARD / "locale").glob(f"{language}*.po")):
        for message in read_po(io.BytesIO(path.read_bytes()), language):
            if message.id:
                forms = [message.string] if isinstance(message.string, str) else list(message.string)
                key = message.id if isinstance(message.id, str) else message.id[0]
                assert key not in found, f"{key!r} is translated twice"
                found[key] = forms
    return found


def test_no_text_is_said_inside_an_f_string():
    """Before Python 3.12 whoever collects the texts does not see it there, and nobody would miss its translation."""
    for path in DASHBOARD.rglob("*.py"):
        for string in (node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.JoinedStr)):
            calls = [node for node in ast.walk(string) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
            texts = [call for call in calls if call.func.attr in KEYWORDS and isinstance(call.args[0], ast.Constant)]
            assert not texts, f"{path.name}:{string.lineno}"


OTHERS = [language for language in words.LANGUAGES if language != "en"]


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_has_its_translation(language):
    known = translated(language)
    missing = {text: place for text, place in said().items() if not all(known.get(text, [""]))}
    assert not missing, "\n".join(f"{place}: {text!r}" for text, place in missing.items())


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_left_over(language):
    assert not set(translated(language)) - set(said())


@pytest.mark.parametrize("language", OTHERS)
def test_translations_have_the_same_values_in_them(language):
    for text, forms in translated(language).items():
        for form in forms:
            assert set(re.findall(r"\{\w+\}", form)) == set(re.findall(r"\{\w+\}", text)), text


def test_a_text_that_is_not_translated_would_be_noticed(tmp_path, monkeypatch):
    (tmp_path / "new.py").write_text('words.say("Nobody translated this.")\n')
    (found,) = extract_from_dir(str(tmp_path), [("**.py", "python")], keywords=KEYWORDS)
    assert found[2] == "Nobody translated this."
    assert found[2] not in translated("fr")


@pytest.mark.parametrize(
    ("language", "currency", "money", "share", "number"),
    [
        ("en", "MAD", "MAD\u00a0172,346", "7.1%", "1,234.5"),
        ("fr", "MAD", "172\u202f346\u00a0MAD", "7,1\u202f%", "1\u202f234,5"),
        ("en", "GBP", "£172,346", "7.1%", "1,234.5"),
        ("en", "CAD", "$172,346", "7.1%", "1,234.5"),
        ("fr", "CAD", "172\u00a0346\u00a0$", "7,1\u00a0%", "1\u00a0234,5"),
        ("en", "XXX", None, "7.1%", "1,234.5"),
    ],
)
def test_numbers_follow_language_and_market(language, currency, money, share, number):
    told = Words(language, currency)
    blank = re.compile(r"[\u00a0\u202f]")
    if money:
        assert blank.sub(" ", told.money(172_345.6)) == blank.sub(" ", money)
    assert blank.sub(" ", told.share(0.0712, 1)) == blank.sub(" ", share)
    assert blank.sub(" ", told.number(1234.5, 1)) == blank.sub(" ", number)


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_is_not_known_is_a_dash(value):
    told = Words("en", "MAD")
    assert [told.money(value), told.number(value), told.share(value), told.change(value)] == ["–"] * 4


CARS = pd.DataFrame(
    {
        "make": ["Dacia", "Dacia", "Lada", "Daciaa", "Dacia", "Dacia", "Dacia", "Dacia", "Seat", None],
        "model": ["Logan", "Logann", "Niva", "Logan", "Logan", "Logan", "Logan", "Duster", "Ibiza", "Logan"],
        "year": [2030.0, 2010, 2010, 2010, 1980, 2016, 2016, 2016, 2016, 2016],
        "mileage_km": [10.0, 10, 10, 10, 10, 2_000_000, -5, 90_000, 500_000, 10],
        "fiscal_power_cv": [6.0, 6, 6, 6, 6, 6, 6, 6, 99, 6],
    }
)


class TestRetelling:
    """What the pipeline wrote in English, in the reader's language."""

    def test_every_reason_of_the_domain_is_retold(self):
        learnt = pd.DataFrame(
            {
                "make": ["Dacia"] * 42 + ["Seat"] * 20,
                "model": ["Logan"] * 20 + ["Sandero"] * 20 + ["Duster"] * 2 + ["Ibiza"] * 20,
                "year": [2010.0 + number % 8 for number in range(62)],
                "mileage_km": [20_000.0 + 2_000 * number for number in range(62)],
                "fiscal_power_cv": [6.0 + number % 3 for number in range(62)],
            }
        )
        kinds = {"make": "category", "model": "category", "year": "number", "mileage_km": "number", "fiscal_power_cv": "number"}
        reasons = assess(CARS, learn_domain(learnt, choose_features(learnt, kinds)))["reason"]
        french = Words("fr", "MAD")
        assert (reasons != "").all()
        for reason in reasons:
            for part in reason.split("; "):
                assert french.retell(part) != part, part

    def test_every_finding_says_in_french_what_it_means_and_what_to_do(self):
        french = Words("fr", "MAD")
        for kind in findings.KINDS:
            found = findings.make_finding(kind, "mileage_km", "")
            for text in (found["means"], found["do"]):
                assert french.retell(text) != text, text

    @pytest.mark.parametrize(
        ("text", "french"),
        [
            (
                "only 3 listings of Seat Ibiza to learn from; mileage 480,000 km is beyond the 250,000 km that nearly all Seat Ibiza stay within",
                "seulement 3 annonces de Seat Ibiza pour apprendre; kilométrage 480 000 km au-delà des 250 000 km que presque toutes les Seat Ibiza ne dépassent pas",
            ),
            (
                "the newest delivery with rows is of 2025-01-08, 687 days before 2026-11-26; 7 are allowed",
                "la dernière livraison avec des lignes est du 8 janv. 2025, 687 jours avant le 26 nov. 2026 ; 7 sont permis",
            ),
            (
                "Mean error 17,347 MAD against 16,536 MAD: 811 MAD more (between -290 and +2,020 with 90% confidence): it may be worse by more than 331 MAD.",
                "Erreur moyenne 17 347 MAD contre 16 536 MAD : 811 MAD de plus (entre -290 et +2 020 avec 90 % de confiance) : il peut être pire de plus de 331 MAD.",
            ),
            (
                "mileage_km '0' means not told in this market: left out",
                "kilométrage « 0 » veut dire « non indiqué » sur ce marché : laissé de côté",
            ),
            (
                "mileage_km, gearbox not told: averaged over the nearest adverts",
                "non indiqué (kilométrage, boîte de vitesses) : moyenne sur les annonces les plus proches",
            ),
            ("price above 2,000,000: '612037205'", "prix au-dessus de 2 000 000 : « 612037205 »"),
            ("what nobody translated", "what nobody translated"),
        ],
    )
    def test_values_stand_in_their_places(self, text, french):
        told = re.sub(r"[\u00a0\u202f]", " ", Words("fr", "GBP").retell(text))
        assert told == french

    @pytest.mark.parametrize(
        ("text", "english"),
        [
            ("mileage_km above 1,000,000: '5000000'", "mileage above 1,000,000: '5000000'"),
            ("the newest delivery with rows is of 2025-01-08, 687 days before 2026-11-26; 7 are allowed",
             "the newest delivery with rows is of 8 Jan 2025, 687 days before 26 Nov 2026; 7 are allowed"),
            ("what nobody wrote; of 2025-01-08", "what nobody wrote; of 2025-01-08"),
        ],
    )  # fmt: skip
    def test_english_gets_the_names_and_dates_of_the_page(self, text, english):
        assert Words("en", "GBP").retell(text) == english
