"""Every text on the screen has its French, with the same values in it; numbers, money and dates follow the market."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from dashboard import words
from dashboard.words import Words

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
        for message in read_po(path.open("rb"), language):
            if message.id:
                forms = [message.string] if isinstance(message.string, str) else list(message.string)
                key = message.id if isinstance(message.id, str) else message.id[0]
                assert key not in found, f"{key!r} is translated twice"
                found[key] = forms
    return found


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
