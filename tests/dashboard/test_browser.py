"""The dashboard in a real browser: what its users do, on a laptop and on a phone; nothing leaves this machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboard.browsing import CHROMIUM, LAPTOP, PHONE, WHY_NOT, Screen, browser, look, serve

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


def test_the_language_is_switched_and_stays_on_the_next_page(screen):
    screen.open("price")
    screen.page.get_by_role("radio", name="Français").click()
    expect(screen.page.get_by_role("heading", name="Estimer une voiture")).to_be_visible()
    screen.page.get_by_role("link", name="Modèle").click()
    expect(screen.page.get_by_role("heading", name="Modèle", exact=True)).to_be_visible()
    screen.settle()
    assert "Erreur médiane" in screen.text()


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
@pytest.mark.parametrize("view", ["", "price", "batch", "market", "tonight", "model", "quality", "lineage", "runs"])
def test_every_page_fits_its_window(running, served, size, view):
    with look(running, served, size) as screen:
        screen.open(view)
        assert screen.overflow() <= 0
        assert "encountered an error" not in screen.text()
        assert screen.outside() == []
        assert screen.complaints() == []
