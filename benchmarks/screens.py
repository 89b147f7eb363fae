"""Pictures of every page of the dashboard: `python -m benchmarks.screens [--into FOLDER] [--project FOLDER --market M]`.

Without a project they are of the generated sample, its nights the last ones before today, and the three small ones of the README are
made anew in docs/dashboard. They are for looking at: what a test cannot see.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from benchmarks.projects import run_luigi, temporary_project
from pipeline.sample import SamplePlan, write_deliveries
from tests.dashboard.browsing import CHROMIUM, LAPTOP, PHONE, WHY_NOT, browser, look, serve

VIEWS = ("", "price", "batch", "market", "model", "quality", "tonight", "runs", "lineage")
DOCS = Path(__file__).parents[1] / "docs" / "dashboard"
NIGHTS = 8
_SMALL = {
    "deals-small": ("", LAPTOP, "light"),
    "price-small": ("price", LAPTOP, "light"),
    "tonight-small": ("tonight", PHONE, "dark"),
}


def main() -> int:
    """Take the pictures, and name the folder they are in."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=Path("screens"), help="a folder for the pictures of all pages")
    parser.add_argument("--project", type=Path, help="a project with results (default: one of the sample is made)")
    parser.add_argument("--market", default="sample")
    options = parser.parse_args()
    if CHROMIUM is None:
        sys.stderr.write(f"{WHY_NOT}\n")
        return 2
    options.into.mkdir(parents=True, exist_ok=True)
    with _project(options.project) as root, browser() as running, serve(root) as base:
        for size in (LAPTOP, PHONE):
            for scheme in ("light", "dark"):
                for view in VIEWS:
                    name = f"{view or 'deals'}-{size[0]}-{scheme}.png"
                    take(running, base, view, size, scheme, options.market, options.into / name, is_whole=True)
        if options.project is None:
            _take_small(running, base)
    print(f"{len(VIEWS) * 4} pictures are in {options.into}.")
    return 0


def take(
    running: Browser, base: str, view: str, size: tuple[int, int], scheme: str, market: str, path: Path, *, is_whole: bool
) -> None:
    """Take a picture of a page, of all of it or of what a window shows of it."""
    with look(running, base, size, scheme) as screen:
        screen.open(view, market=market)
        if view == "price":
            year = screen.page.get_by_role("spinbutton").first
            screen.page.wait_for_function("field => field.value", arg=year.element_handle())  # it is filled in after it is drawn
            year.fill(str(int(year.input_value()) + 2))
            year.press("Enter")
            screen.settle()
        if is_whole:
            height = screen.page.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight")
            screen.page.set_viewport_size({"width": size[0], "height": max(size[1], int(height))})
        screen.page.wait_for_timeout(1500)  # charts are drawn after the page is
        screen.page.screenshot(path=path)


@contextmanager
def _project(given: Path | None) -> Iterator[Path]:
    if given:
        yield given
        return
    with temporary_project() as root:
        folder, today = root / "data/raw/sample", datetime.now(UTC).date()
        write_deliveries(folder, SamplePlan(nights=NIGHTS))
        nights = [(today - timedelta(days=NIGHTS - 1 - number)).isoformat() for number in range(NIGHTS)]
        for path, night in zip(sorted(folder.glob("*.csv")), nights, strict=True):
            path.rename(path.with_name(f"{night}.csv"))
        for night in nights[-3:]:
            run_luigi(root, "pipeline", "Nightly", "--market", "sample", "--as-of", night)
        yield root


def _take_small(running: Browser, base: str) -> None:
    """Take the README's pictures, each small enough for a repository."""
    DOCS.mkdir(exist_ok=True)
    for name, (view, size, scheme) in _SMALL.items():
        path = DOCS / f"{name}.png"
        take(running, base, view, size, scheme, "sample", path, is_whole=False)
        with Image.open(path) as picture:
            small = picture.convert("RGB").resize((size[0] * 3 // 5, size[1] * 3 // 5), Image.Resampling.LANCZOS)
        small.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
