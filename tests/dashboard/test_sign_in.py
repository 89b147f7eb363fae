"""Signing in by a real OpenID Connect provider on loopback, and what an operator may do then."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dashboard.browsing import CHROMIUM, WHY_NOT, answering, browser, look, serve
from tests.servers import free_port

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)
ANN, BOB = "ann@example.org", "bob@example.org"


@pytest.fixture
def provider() -> Iterator[str]:
    port = free_port()
    command = [str(Path(sys.executable).parent / "oidc-provider-mock"), "--host", "127.0.0.1", "--port", str(port)]
    with answering(command, port) as base:
        yield base


def configure(root: Path, provider: str, port: int) -> None:
    (root / ".streamlit").mkdir(exist_ok=True)
    (root / ".streamlit" / "secrets.toml").write_text(
        "[auth]\n"
        f'redirect_uri = "http://127.0.0.1:{port}/oauth2callback"\n'
        'cookie_secret = "a text that is long enough for the signature"\n'
        'client_id = "dashboard"\nclient_secret = "known to both"\n'
        f'server_metadata_url = "{provider}/.well-known/openid-configuration"\n'
    )
    settings = root / "luigi.cfg"
    settings.write_text(settings.read_text().replace("operators =", f"operators = {ANN}"))


def test_nobody_sees_a_price_before_signing_in_and_operators_are_known_by_their_address(own_project, provider):
    port = free_port()
    configure(own_project, provider, port)
    with serve(own_project, port) as base, browser() as running:
        for person, is_operator in ((ANN, True), (BOB, False)):
            with look(running, base) as screen:
                screen.page.route(lambda url: "127.0.0.1" not in url, lambda route: route.abort())  # the provider's own style
                screen.open()
                assert "Sign in to see prices." in screen.text()
                assert "Deals" not in screen.page.inner_text("body")
                screen.page.get_by_role("button", name="Sign in").click()
                screen.page.locator("input[name=sub]").fill(person)
                screen.page.locator("input[name=sub]").press("Enter")
                screen.page.get_by_role("heading", name="Deals").wait_for()
                assert person in screen.page.locator("[data-testid=stSidebar]").inner_text()
                screen.page.get_by_role("link", name="Model").click()
                screen.page.get_by_role("heading", name="Model", exact=True).wait_for()
                screen.page.get_by_role("radio", name="Roll back").click()
                screen.settle()
                assert ("Rolling back is for operators" in screen.text()) != is_operator
                assert [url for url in screen.outside() if not url.startswith((provider, "https://cdn."))] == []
