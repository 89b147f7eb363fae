"""What the dashboard costs: `CARPRICE_DATA=FOLDER python -m benchmarks.dashboard [--project FOLDER]`. Prints Markdown.

A real browser measures what a reader waits for: a page opened for the first time in a new server, again in a new window, and drawn
again after a choice; then how much memory the server holds while several people read at once.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from contextlib import ExitStack, nullcontext
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Locator, TimeoutError  # noqa: A004  # its own, by that name

from benchmarks.machine import describe_machine
from benchmarks.projects import compile_code, run_luigi, temporary_project
from tests.dashboard.browsing import CHROMIUM, WHY_NOT, Screen, browser, look, serve

MARKETS = ("kijiji_ca", "uk")
VIEWS = {
    "deals": "",
    "price": "price",
    "batch": "batch",
    "market": "market",
    "tonight": "tonight",
    "runs": "runs",
    "lineage": "lineage",
    "model": "model",
    "quality": "quality",
}
# What a reader chooses on each page, one after the other: the name of a control, or of a number that is set.
CHOICES: dict[str, tuple[str, ...]] = {
    "deals": ("fair price", "high price"),
    "price": ("Comparable adverts", "What moved it"),
    "market": ("Over time", "Price levels"),
    "tonight": ("Deliveries", "Stages"),
    "runs": ("Seconds", "Metrics"),
    "lineage": ("What one was made of", "All results"),
    "model": ("By kind of car", "Over time"),
    "quality": ("Deliveries", "Rejected rows"),
}
RUNS = 5
PEOPLE = 4
_PATIENCE_MS = 5000
# Streamlit says in an attribute of the page whether its script runs; each run is kept as [begun, ended] in ms.
WATCH = """
window.runs = [];
const look = () => {
  const app = document.querySelector('[data-testid=stApp]');
  const state = app && app.getAttribute('data-test-script-state');
  const last = window.runs[window.runs.length - 1];
  if (state === 'running' && (!last || last[1])) window.runs.push([performance.now(), 0]);
  if (state === 'notRunning' && last && !last[1]) last[1] = performance.now();
};
new MutationObserver(look).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ['data-test-script-state']});
"""


def main() -> int:
    """Serve a project's results, read every page of two markets, and print what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, help="a project with results of the markets (default: one is made)")
    options = parser.parse_args()
    raw = os.environ.get("CARPRICE_DATA", "")
    if CHROMIUM is None or not (options.project or Path(raw, MARKETS[0]).is_dir()):
        sys.stderr.write(
            f"{WHY_NOT}\n" if CHROMIUM is None else f"Set CARPRICE_DATA to a folder that holds {', '.join(MARKETS)}.\n"
        )
        return 2
    with nullcontext(options.project) if options.project else temporary_project() as root, browser() as running:
        if not options.project:
            build(root, raw)
        print(f"{describe_machine()}. Load before: {os.getloadavg()[0]:.1f}.\n")
        for market in MARKETS:
            print("\n".join(show_times(running, root, market)), end="\n\n")
        print("\n".join(show_memory(running, root)))
    return 0


def build(root: Path, raw: str) -> None:
    """Run one night of each market with the quick profile: the pages are the same by any model."""
    compile_code(root)
    for market in MARKETS:
        more = ("--market", market, "--pipeline-raw", str(Path(raw).resolve()), "--Train-profile", "quick")
        run_luigi(root, "pipeline", "Nightly", *more, *(("--as-of", "2024-02-29") if market == "kijiji_ca" else ()))


def show_times(running: Browser, root: Path, market: str) -> list[str]:
    """Return a table of seconds: the first page of a server, of a window, and reruns, by page."""
    lines = [
        f"**{market}**, seconds until drawn (medians of {RUNS}; first in a new server: once)",
        "",
        "| page | first in a new server | in a new window | after a choice on it | slowest | in the other language |",
        "|---|---|---|---|---|---|",
    ]
    for name, view in VIEWS.items():
        with serve(root) as base:
            first = open_timed(running, base, view, market)
            windows = [open_timed(running, base, view, market) for _ in range(RUNS)]
            chosen = rerun_timed(running, base, view, market, CHOICES.get(name, ()))
            again = rerun_timed(running, base, view, market, ("Français", "English"))
        median, slowest = (f"{statistics.median(chosen):.2f}", f"{max(chosen):.2f}") if chosen else ("", "")
        lines.append(
            f"| {name} | {first:.2f} | {statistics.median(windows):.2f} | {median} | {slowest} | {statistics.median(again):.2f} |"
        )
    return lines


def open_timed(running: Browser, base: str, view: str, market: str) -> float:
    """Return the seconds from the address to a page whose script has run."""
    with look(running, base) as screen:
        _watch(screen)
        screen.open(view, market=market)
        return float(screen.page.evaluate("window.runs.filter(run => run[1])[0][1] / 1000"))


def rerun_timed(running: Browser, base: str, view: str, market: str, choices: tuple[str, ...]) -> list[float]:
    """Return the seconds that the browser waits after each choice, made by turns; the first ones read what they need and do not count."""
    seconds = []
    with look(running, base) as screen:
        _watch(screen)
        screen.open(view, market=market)
        controls = [_find_control(screen, choice) for choice in choices]
        try:
            for control in controls:
                control.wait_for(timeout=_PATIENCE_MS)
        except TimeoutError:  # a market without dates has no "Over time", one run has none beside it
            return []
        for control in controls * (RUNS // 2 + 2):
            screen.page.evaluate("window.runs = []")
            control.click()
            screen.page.wait_for_function("window.runs.length && window.runs[0][1]")
            seconds.append(float(screen.page.evaluate("(window.runs[0][1] - window.runs[0][0]) / 1000")))
            screen.settle()
    return seconds[2:]


def _find_control(screen: Screen, name: str) -> Locator:
    return screen.page.get_by_role("radio", name=name).or_(screen.page.get_by_role("button", name=name, exact=True)).first


def show_memory(running: Browser, root: Path) -> list[str]:
    """Return what the server holds after one reader, and after rounds of several at once."""
    lines = [f"| all pages of {len(MARKETS)} markets | resident MB |", "|---|---|"]
    with serve(root) as base, ExitStack() as windows:
        lines.append(f"| nobody yet | {_resident(base):.0f} |")
        people = [windows.enter_context(look(running, base)) for _ in range(PEOPLE)]
        _read_all(people[:1])
        lines.append(f"| one reader | {_resident(base):.0f} |")
        for round_number in range(1, 3):
            _read_all(people)
            lines.append(f"| {PEOPLE} readers at once, round {round_number} | {_resident(base):.0f} |")
    return lines


def _read_all(people: list[Screen]) -> None:
    for market in MARKETS:
        for view in VIEWS.values():
            for screen in people:
                screen.page.goto(f"{screen.base}/{view}?lang=en&market={market}")  # all ask before any is answered
            for screen in people:
                screen.settle()


def _resident(base: str) -> float:
    port = int(base.rpartition(":")[2])
    (process,) = [
        one
        for one in psutil.Process().children(recursive=True)
        if "streamlit" in " ".join(one.cmdline()) and str(port) in one.cmdline()
    ]
    return float(process.memory_info().rss) / 1e6


def _watch(screen: Screen) -> None:
    screen.page.add_init_script(WATCH)


if __name__ == "__main__":
    sys.exit(main())
