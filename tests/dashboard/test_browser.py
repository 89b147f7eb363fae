"""The dashboard in a real browser: what its users do, on a laptop and on a phone; nothing leaves this machine."""

from __future__ import annotations

import csv
import io
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from dashboard import reading
from pipeline import champion
from tests.dashboard.browsing import CHROMIUM, LAPTOP, PHONE, WHY_NOT, Screen, browser, look, serve
from tests.dashboard.conftest import HOSTILE, run_night

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def served(built: Path) -> Iterator[str]:
    with serve(built) as base:
        yield base


@pytest.fixture
def screen(running: Browser, served: str) -> Iterator[Screen]:
    with look(running, served) as found:
        yield found
        assert found.outside() == []
        assert found.complaints() == []


def estimate(screen: Screen) -> int:
    told = screen.page.locator("[data-testid=stMetricValue]").first.inner_text()
    return int(re.sub(r"\D", "", told))


def test_a_car_is_priced_and_a_newer_one_costs_more(screen):
    screen.open("price")
    screen.choose("Make", "Renault")
    screen.choose("Model", "Clio")
    before = estimate(screen)
    year = screen.page.get_by_role("spinbutton", name="Year")
    year.fill(str(int(year.input_value()) + 3))
    year.press("Enter")
    screen.settle()
    assert estimate(screen) > before


def test_a_car_that_contradicts_itself_is_refused_with_the_reason(screen):
    screen.open("price")
    mileage = screen.page.get_by_role("spinbutton", name="Mileage")
    mileage.fill("950000")
    mileage.press("Enter")
    screen.settle()
    assert "contradicts itself" in screen.text()
    assert screen.page.locator("[data-testid=stMetricValue]").count() == 0


def test_what_is_left_open_is_not_told(screen):
    screen.open("price")
    before = estimate(screen)
    mileage = screen.page.get_by_role("spinbutton", name="Mileage")
    mileage.fill("300000")
    mileage.press("Enter")
    screen.settle()
    driven = estimate(screen)
    mileage.fill("")
    mileage.press("Enter")
    screen.settle()
    assert driven < before
    assert estimate(screen) > driven
    assert "mileage not told: averaged over the nearest adverts" in screen.text()


def test_the_language_is_switched_and_stays_on_the_next_page(screen):
    screen.open("price")
    screen.page.get_by_role("radio", name="Français").click()
    expect(screen.page.get_by_role("heading", name="Estimer une voiture")).to_be_visible()
    screen.page.get_by_role("link", name="Modèle").click()
    expect(screen.page.get_by_role("heading", name="Modèle", exact=True)).to_be_visible()
    screen.settle()
    assert "Erreur médiane" in screen.text()


def test_deals_are_filtered_and_taken_away_whole(screen, built):
    screen.open()
    screen.choose("Make", "Dacia")
    assert "Dacia" in screen.text()
    with screen.page.expect_download() as found:
        screen.page.get_by_role("button", name="All as CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(found.value.path()).read_text(encoding="utf-8"))))
    assert rows
    assert {row["make"] for row in rows} == {"Dacia"}


def test_a_choice_draws_the_body_of_the_page_alone(running, served):
    received: list[bytes] = []

    def keep(message: bytes) -> None:
        received.append(message)

    with look(running, served) as screen:
        screen.page.on("websocket", lambda socket: socket.on("framereceived", keep))
        screen.open()
        assert any(b"Results as of" in message for message in received)
        received.clear()
        screen.page.get_by_role("button", name="high price", exact=True).click()
        screen.settle()
        assert any(b"live listings, by rating" in message for message in received)
        assert not any(b"Results as of" in message for message in received)


def test_who_rolls_back_sees_the_new_champion_at_once(running, own_project):
    settings = own_project / "luigi.cfg"
    settings.write_text(re.sub(r"(?m)^operators =$", "operators = *", settings.read_text()))
    found = champion.read_champion("sample")
    to = found.earlier[-1].version
    with serve(own_project) as base, look(running, base) as screen:
        screen.open("model")
        screen.page.get_by_role("radio", name="Roll back").click()
        screen.settle()
        for label, text in (("Why, for the journal", "prices are off"), (f"Type {to} to confirm", to)):
            screen.page.get_by_role("textbox", name=label).fill(text)
            screen.page.get_by_role("textbox", name=label).press("Enter")
            screen.settle()
        screen.page.get_by_role("button", name=f"Roll back to version {to}").click()
        expect(screen.page.get_by_text(f"Version {to} is the champion, promoted as of")).to_be_visible(timeout=30_000)
        assert champion.read_champion("sample").seat.version == to
        assert found.seat.version in champion.read_champion("sample").barred


class TestAFile:
    """A file of cars is handed in."""

    def test_it_is_priced_and_comes_back_with_a_row_for_each_car(self, screen, tmp_path):
        cars = tmp_path / "my cars.csv"
        cars.write_text("make,model,year,mileage_km\nDacia,Logan,2015,90000\nLada,Niva,1999,10\n", encoding="utf-8")
        screen.open("batch")
        screen.page.locator("input[type=file]").set_input_files(cars)
        screen.page.get_by_text(re.compile("2 (cars|rows)")).first.wait_for()
        screen.settle()
        with screen.page.expect_download() as found:
            screen.page.get_by_role("button", name="All rows with their prices as CSV").click()
        rows = list(csv.DictReader(io.StringIO(Path(found.value.path()).read_text(encoding="utf-8"))))
        assert [row["status"] for row in rows] == ["priced", "refused"]

    def test_a_bad_one_is_told_by_its_own_name(self, screen, tmp_path):
        cars = tmp_path / "photo.csv"
        cars.write_bytes(bytes(range(256)) * 20)
        screen.open("batch")
        screen.page.locator("input[type=file]").set_input_files(cars)
        alert = screen.page.get_by_role("alert").filter(has_text="photo.csv").first
        alert.wait_for()
        assert str(tmp_path) not in alert.inner_text()
        assert "/tmp" not in alert.inner_text()


def test_a_run_is_watched_to_its_end_without_a_reload(running, own_project):
    with serve(own_project) as base, look(running, base) as screen:
        screen.open("tonight")
        before = reading.read_market("sample").run
        done = threading.Thread(target=run_night, args=(own_project, "2025-01-13", "--Train-seed", "3"))
        done.start()
        screen.page.locator("[data-testid=stProgress]").first.wait_for()
        done.join()
        screen.page.locator("[data-testid=stProgress]").first.wait_for(state="detached")
        after = reading.read_market("sample").run
        assert after != before
        assert "done" in screen.text()
        assert screen.complaints() == []


def test_results_that_appear_are_shown_where_the_page_is_open(running, own_project):
    delivery = own_project / "data/raw/sample/2025-01-13.csv"
    (own_project / "data/raw/sample/2025-01-14.csv").write_bytes(delivery.read_bytes())
    with serve(own_project) as base, look(running, base) as screen:
        screen.open()
        expect(screen.page.get_by_text("Results as of Jan 13, 2025")).to_be_visible()
        # A page that was drawn again in part follows too.
        screen.page.get_by_role("button", name="high price", exact=True).click()
        screen.settle()
        run_night(own_project, "2025-01-14")
        expect(screen.page.get_by_text("Results as of Jan 14, 2025")).to_be_visible(timeout=30_000)


def test_what_adverts_say_is_never_obeyed(running, project, served):
    scores = reading.read_rows(project / reading.read_market("sample").stages["score"], "scores.parquet", ["model"])
    assert set(HOSTILE) <= set(scores["model"])
    with look(running, served) as screen:
        for view in ("", "price", "market", "quality", "lineage", "tonight"):
            screen.open(view)
            screen.page.wait_for_timeout(500)
            assert screen.page.title() != "owned"
            assert screen.page.locator("img[src=x], a[href^=javascript], a[href*='192.0.2.1']").count() == 0
        assert screen.outside() == []


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
@pytest.mark.parametrize("view", ["", "price", "batch", "market", "tonight", "model", "quality", "lineage", "runs"])
def test_every_page_fits_its_window(running, served, size, view):
    with look(running, served, size) as screen:
        screen.open(view)
        assert screen.overflow() <= 0
        assert "encountered an error" not in screen.text()
        assert screen.outside() == []
        assert screen.complaints() == []
