"""Draft the TOML of a market from files of adverts that nobody has described yet, and show what it makes of them.

The files may be CSV with any separator, encoding and decimal mark, packed or not, Excel, JSON or parquet. Headers are known in many
languages; what they do not tell is told by the look of the cells. Nothing is overwritten.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.drafting.draft import Draft
    from pipeline.drafting.preview import Preview

_ABSENT = 2
_CELL = 22  # characters of a cell in the preview


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="files of adverts, or folders of them")
    parser.add_argument("--name", required=True, metavar="M", help="what the market is to be called: letters, digits, _ and -")
    parser.add_argument("--currency", default="", metavar="CCC", help="its currency (default: what the cells tell)")
    parser.add_argument(
        "--folder",
        type=Path,
        help="where the TOML goes (default: [pipeline] markets of luigi.cfg, else beside the markets of the project)",
    )


def run(options: argparse.Namespace) -> int:
    """Write the draft, and print what it makes of the files and what a person should check; 2 where a column must be named first."""
    from pipeline import paths
    from pipeline.drafting.draft import draft_market
    from pipeline.drafting.preview import preview_market
    from pipeline.drafting.sources import read_sources
    from pipeline.errors import UsageWrong
    from pipeline.listing import ALWAYS_REQUIRED
    from pipeline.market_files import load_market

    place = _choose_place(options)
    sources = read_sources(options.files)
    draft = draft_market(options.name, sources, options.currency)
    if len(draft.absent) == len(ALWAYS_REQUIRED):
        headers = ", ".join(repr(str(header)[:40]) for header in list(sources[0].table.rows.columns)[:8])
        raise UsageWrong(
            f"{sources[0].path} holds no adverts that anybody knows: neither price nor make, model or year is among {headers}."
        )
    _write_new(place, draft.text)
    market = load_market(options.name, (place.parent, *paths.market_folders()))
    print(f"Wrote {place}.\n")
    if not draft.absent:
        if not all(source.is_whole for source in sources):
            print(f"Looked at the first {max(len(source.table.rows) for source in sources):,} rows of a file at most.")
        _show_preview(preview_market(market, sources))
    _show_checks(draft)
    _show_next(options.name, place, options.files)
    return _ABSENT if draft.absent else 0


def _choose_place(options: argparse.Namespace) -> Path:
    """Return where the TOML goes; refuses names that are none, and one that is taken."""
    import re

    from pipeline import paths
    from pipeline.errors import UsageWrong

    if not re.fullmatch(r"[\w-]{1,60}", options.name):
        raise UsageWrong(f"--name {options.name!r} is no name of a market: letters, digits, _ and - make one.")
    if options.currency and not re.fullmatch(r"[A-Z]{3}", options.currency):
        raise UsageWrong(f"--currency {options.currency!r} is no currency; its three capital letters are meant, as in MAD.")
    folder = options.folder or paths.market_folders()[0]
    if not folder.is_dir():
        raise UsageWrong(f"--folder {folder} is no folder. Make it, or name another one.")
    place = Path(folder) / f"{options.name}.toml"
    taken = [one for one in (place, *(other / place.name for other in paths.market_folders())) if one.exists()]
    if taken:
        raise UsageWrong(f"{taken[0]} is there already, and is not overwritten. Choose another --name, or take it away.")
    return place


def _write_new(place: Path, text: str) -> None:
    """Write a whole new file or none; another process may have been faster."""
    from pipeline.errors import UsageWrong

    draft = place.with_name(f".{place.name}.{id(text):x}.tmp")
    try:
        draft.write_text(text, encoding="utf-8")
        place.hardlink_to(draft)
    except FileExistsError:
        raise UsageWrong(f"{place} is there already, and is not overwritten. Choose another --name, or take it away.") from None
    finally:
        draft.unlink(missing_ok=True)


def _show_preview(preview: Preview) -> None:
    import pandas as pd

    share = f" ({preview.accepted / preview.rows:.1%})" if preview.rows else ""
    first = f" The first {len(preview.listings)}:\n" if len(preview.listings) else ""
    print(f"{preview.accepted:,} of {preview.rows:,} rows would be accepted{share}.{first}")
    for _, row in (
        preview.listings.drop(columns=["row", "listing_id", "twin_id"], errors="ignore").dropna(axis=1, how="all").iterrows()
    ):
        print("  " + " · ".join(f"{name} {_show(str(name), value)}" for name, value in row.items() if pd.notna(value)))
    for title, told in (("Rejected, by reason", preview.reasons), ("Cells that would be lost", preview.lost)):
        if told:
            print(f"\n{title}:")
        for reason, (count, example) in told.items():
            print(f"  {count:>9,}  {reason}" + (f" ({example})" if example else ""))
    for name, reason in preview.refused.items():
        print(f"\n{name} would be set aside: {reason}.")


def _show(name: str, value: object) -> str:
    if not isinstance(value, float):
        text = str(value)
        return text if len(text) <= _CELL else text[: _CELL - 1] + "…"
    return f"{value:.0f}" if name == "year" else f"{value:,.0f}" if value >= 1_000 else f"{value:g}"


def _show_checks(draft: Draft) -> None:
    if draft.checks:
        print("\nTo be checked by a person:")
    for check in draft.checks:
        print(f"  - {check}")


def _show_next(name: str, place: Path, files: list[Path]) -> None:
    from pipeline import paths

    folder = paths.deliveries(name)
    own = "" if place.parent in paths.market_folders() else f" --pipeline-markets {shlex.quote(str(place.parent))}"
    inside = all(folder.resolve() in path.resolve().parents or path.resolve() == folder.resolve() for path in files)
    print("\nThen:")
    if not inside:
        written = " ".join(shlex.quote(f"{path}/." if path.is_dir() else str(path)) for path in files)
        print(f"  mkdir -p {shlex.quote(str(folder))} && cp -r {written} {shlex.quote(str(folder))}/")
    print(f"  luigi --module pipeline Evaluate --market {name}{own} --local-scheduler")
