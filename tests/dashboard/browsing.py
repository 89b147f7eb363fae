"""The dashboard served as its users start it, and a real browser that looks at it and keeps a list of every request."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, sync_playwright

from tests.servers import free_port

REPOSITORY = Path(__file__).parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WHY_NOT = "there is no chromium on this machine: apt-get install chromium"
LAPTOP, PHONE = (1280, 900), (390, 844)
_START_S = 60
_IS_DRAWN = """
() => document.querySelector('[data-testid=stApp]').getAttribute('data-test-script-state') === 'notRunning'
  && !document.querySelector('[data-stale=true]')
"""


@dataclass
class Screen:
    """A page in the browser, with every request that it made and every error that it logged."""

    page: Page
    base: str
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, view: str = "", language: str = "en", market: str = "sample") -> None:
        """Open a view and wait until it is drawn."""
        self.page.goto(f"{self.base}/{view}?lang={language}&market={market}")
        self.settle()

    def settle(self) -> None:
        """Wait until the script behind the page has run."""
        self.page.locator("[data-testid=stMainBlockContainer] h1").first.wait_for()
        self.page.wait_for_timeout(200)  # a choice reaches the server
        self.page.wait_for_function(_IS_DRAWN)

    def text(self) -> str:
        """Return what the page says."""
        return self.page.locator("[data-testid=stMainBlockContainer]").inner_text()

    def choose(self, label: str, value: str) -> None:
        """Choose in a select box by its label, as one who types does."""
        box = self.page.get_by_role("combobox", name=re.compile(re.escape(label))).first
        box.click()
        box.fill(value)
        self.page.get_by_role("option", name=value, exact=True).first.click()
        self.settle()

    def outside(self) -> list[str]:
        """Name the requests that left this machine."""
        ours = (self.base, self.base.replace("http", "ws"), "data:", "blob:", "about:")
        return [url for url in self.requests if not url.startswith(ours)]

    def complaints(self) -> list[str]:
        """Return the errors that were logged; opened at a page's own address, Streamlit asks for its server below that first."""
        return [error for error in self.errors if "404" not in error or "/_stcore/" not in error]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return int(self.page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth"))

    def find(self, text: str) -> Locator:
        """Return what holds a text."""
        return self.page.get_by_text(text)


@contextlib.contextmanager
def serve(root: Path, port: int | None = None) -> Iterator[str]:
    """Serve the dashboard on a project, as `streamlit run dashboard/app.py` does, and return its address."""
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(REPOSITORY / "dashboard" / "app.py"), "--server.port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    with answering(command, port, cwd=root, env=environment) as base:
        # Its port is open before what pages need is loaded.
        assert urlopen(f"{base}/_stcore/health", timeout=60).status == HTTPStatus.OK
        yield base


@contextlib.contextmanager
def answering(command: list[str], port: int, **more: Any) -> Iterator[str]:
    """Run a server on a port of this machine from its first answer on, and return its address; what it said is shown where a test fails."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, **more)
        try:
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)
            said.seek(0)
            sys.stderr.write(said.read())


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium without a window."""
    with sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@contextlib.contextmanager
def look(running: Browser, base: str, size: tuple[int, int] = LAPTOP, scheme: str = "light") -> Iterator[Screen]:
    """Open a window of a size, in light or dark."""
    context = running.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if scheme == "dark" else "light", locale="en-GB"
    )
    context.set_default_timeout(60_000)
    screen = Screen(context.new_page(), base)
    screen.page.on("request", lambda request: screen.requests.append(request.url))
    screen.page.on("websocket", lambda socket: screen.requests.append(socket.url))
    screen.page.on("console", lambda message: screen.errors.append(_tell(message)) if message.type == "error" else None)
    screen.page.on("pageerror", lambda error: screen.errors.append(str(error)))
    try:
        yield screen
    finally:
        context.close()


def _tell(message: ConsoleMessage) -> str:
    return f"{message.text} {message.location['url']}"


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server answers."""
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        assert process.poll() is None, "the server ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise TimeoutError("the server does not answer")
