"""Print the unit by which this machine's own scheduler starts the nightly run of this project every night."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from datetime import datetime, time
from pathlib import Path

from pipeline.errors import UsageWrong

HINTS = {
    "cron": "Append it with `(crontab -l; python -m pipeline schedule --cron) | crontab -`. Cron mails what a night said only where "
    "it failed, and does not start a night that the machine slept through: the next one sees all deliveries.",
    "systemd": "Write both with `--systemd --into ~/.config/systemd/user`, then `systemctl --user daemon-reload && systemctl --user enable "
    "--now car-prices-nightly.timer`; `loginctl enable-linger` lets it run while you are logged out.",
    "launchd": "Write it with `--launchd --into ~/Library/LaunchAgents`, then `launchctl bootstrap gui/$(id -u) "
    "~/Library/LaunchAgents/car-prices.nightly.plist`. macOS keeps such jobs out of Desktop, Documents and Downloads: a project does not belong there.",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--cron", dest="system", action="store_const", const="cron", help="a line for `crontab -e`")
    which.add_argument("--systemd", dest="system", action="store_const", const="systemd", help="a service and a timer")
    which.add_argument("--launchd", dest="system", action="store_const", const="launchd", help="a property list, for macOS")
    parser.add_argument("--at", default="02:15", metavar="HH:MM", help="when, in this machine's time (default: 02:15)")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="write the files there; one that differs is not overwritten")


def run(options: argparse.Namespace) -> int:
    """Print the unit on stdout and what to do with it on stderr, or write its files."""
    from pipeline import units

    nightly = units.Nightly(_find_project(), Path(sys.executable), _read_time(options.at))
    if options.system == "cron":
        if options.into:
            raise UsageWrong(f"--cron has no file to write into a folder: a crontab is edited by crontab. {HINTS['cron']}")
        sys.stdout.write(units.cron_line(nightly))
    else:
        is_systemd = options.system == "systemd"
        files = units.systemd_units(nightly) if is_systemd else units.launchd_unit(nightly, Path.home() / "Library/Logs")
        if options.into:
            return _write_files(options.into.expanduser(), files)
        sys.stdout.write(units.join_units(files))
    sys.stderr.write(f"{HINTS[options.system]}\n")
    return 0


def _find_project() -> Path:
    """Return this folder, refused where it is no project: a unit that starts elsewhere would fail every night."""
    folder = Path.cwd()
    if not (folder / "luigi.cfg").is_file():
        raise UsageWrong(f"There is no luigi.cfg in {folder}: run this from the project's root, where the nights are to run.")
    return folder


def _read_time(text: str) -> time:
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007  # a night is one of this machine's
    except ValueError:
        raise UsageWrong(f"--at {text!r} is not a time of day like 02:15.") from None


def _write_files(folder: Path, files: Mapping[str, str]) -> int:
    """Write all files, or none where one is there that says something else: it may be another project's, or was edited."""
    taken = [
        folder / name
        for name, text in files.items()
        if (folder / name).exists() and (folder / name).read_bytes() != text.encode()
    ]
    if taken:
        raise UsageWrong(f"{taken[0]} is there and differs: move it away, or copy from what this prints without --into.")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)
    return 0
