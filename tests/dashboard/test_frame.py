"""What holds on every page: the choices in the sidebar, states that are told above, and that nothing is written."""

import socket
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from dashboard import page, reading
from dashboard.words import LANGUAGES, Words, guess_language
from pipeline.errors import UserError
from tests.dashboard.browsing import serve
from tests.dashboard.conftest import REPOSITORY, all_text

VIEWS = sorted(path.stem for path in (REPOSITORY / "dashboard" / "views").glob("*.py"))


def files_of(root: Path) -> dict[str, int]:
    return {path.relative_to(root).as_posix(): path.stat().st_mtime_ns for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("view", VIEWS)
def test_a_page_opens_and_writes_nothing(project, open_page, view, language):
    before = files_of(project)
    app = open_page(view, language=language)
    assert app.title[0].value
    assert files_of(project) == before


@pytest.mark.parametrize("view", VIEWS)
def test_a_market_of_which_nothing_was_built_says_what_to_run(tmp_path, monkeypatch, open_page, view):
    (tmp_path / "data/raw/uk").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    app = open_page(view, market="uk")
    assert any("python -m pipeline nightly --market uk" in code.value for code in app.code), all_text(app)


def test_a_failed_run_is_told_on_every_page_and_the_last_good_results_stay(own_project, open_page):
    open_before = page._mark_of(reading.read_market("sample"))
    records = reading.list_runs(5)
    path = own_project / "data/runs" / f"{records[0]['run']}.json"
    path.write_text(
        path.read_text()
        .replace('"state": "done"', '"state": "failed"')
        .replace('"messages": []', '"messages": ["a <b>bad</b> *file*"]')
    )
    app = open_page("deals")
    (told,) = [error.value for error in app.error]
    assert page._mark_of(reading.read_market("sample")) != open_before, "a page that is open would not show it"
    assert told.startswith(page.plain("The last run failed."))
    assert "<b>" not in told
    assert app.dataframe


def test_a_champion_file_that_is_damaged_is_told(own_project, open_page):
    (own_project / "data/champion/sample.json").write_text("{")
    app = open_page("model")
    assert any("cannot be understood" in error.value for error in app.error)


def test_an_unknown_market_or_language_falls_back(project, open_page):
    app = open_page("deals", market="no such market")
    assert app.sidebar.selectbox[0].value == "sample"
    assert open_page("deals", language="").title[0].value == "Deals"
    assert guess_language("fr-MA") == "fr"
    assert guess_language("de-DE") == guess_language(None) == "en"


def test_what_pages_need_first_is_there_before_anyone_reads(project, monkeypatch):
    page.prepare()
    read = []
    monkeypatch.setattr(reading, "read_rows", lambda *asked: read.append(asked))
    monkeypatch.setattr("pipeline.serving.load_seat", lambda *asked: read.append(asked))
    found = reading.read_market("sample")
    assert len(page.rows(found.place("score"), "scores.parquet"))
    assert page._load("sample", found.champion.seat).version == found.champion.seat.version
    assert read == []


@pytest.mark.parametrize("file", ["champion", "current"])
def test_the_server_starts_though_what_it_would_prepare_is_damaged(own_project, file):
    (own_project / f"data/{file}/sample.json").write_text("{")
    page.prepare()


def test_the_server_starts_though_the_settings_are_wrong(own_project, monkeypatch):
    monkeypatch.setattr(reading, "list_markets", _refuse)
    page.prepare()


def _refuse() -> list[str]:
    raise UserError("[pipeline] markets is no folder.")


def test_who_may_roll_back_is_nobody_by_default():
    settings = (REPOSITORY / "luigi.cfg").read_text()
    assert "\noperators =\n" in settings


@pytest.mark.parametrize(
    ("claims", "may"),
    [
        ({"email": "ann@example.org"}, True),
        ({"email": "ann@example.org", "email_verified": True}, True),
        ({"email": "ann@example.org", "email_verified": False}, False),
        ({"email": "ann@example.org", "email_verified": "false"}, False),
        ({"email": "bob@example.org", "email_verified": True}, False),
        ({}, False),
    ],
)
def test_an_operator_is_known_by_an_address_that_nobody_can_merely_claim(monkeypatch, claims, may):
    monkeypatch.setattr(page.st, "user", claims)
    monkeypatch.setattr(page, "has_sign_in", lambda: True)
    monkeypatch.setattr(page.settings, "dashboard", lambda: SimpleNamespace(operators="ann@example.org, carl@example.org"))
    assert page.is_operator() is may


def test_it_listens_on_this_machine_alone_and_tells_nobody():
    settings = (REPOSITORY / "dashboard" / ".streamlit" / "config.toml").read_text()
    for line in ('address = "127.0.0.1"', "gatherUsageStats = false", "enableXsrfProtection = true", "showErrorLinks = false"):
        assert line in settings


def test_started_in_any_folder_it_answers_on_no_other_address(tmp_path):
    with serve(tmp_path) as base, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", urlsplit(base).port), timeout=5)


def test_text_of_others_is_no_markup():
    assert page.plain("a *b* <c> [d](e) $f$ :red[g]") == r"a \*b\* \<c\> \[d\]\(e\) \$f\$ \:red\[g\]"


def test_the_market_decides_how_money_is_written():
    assert [Words("en", currency).money(1234) for currency in ("GBP", "CAD", "")] == ["£1,234", "$1,234", "1,234"]
