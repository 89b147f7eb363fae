"""The unit for this machine: printed, written beside others, and started for real by Debian's cron."""

from __future__ import annotations

import os
import plistlib
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.conftest import Project

CRON = shutil.which("cron", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
# Cron sees one crontab alone, and has a folder of its own for its process id: the machine's own are not touched.
PRIVATE = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /var/spool
mkdir /var/spool/cron
mount --bind "$1/spool" /var/spool/cron
if [ -e /etc/cron.d ]; then mount --bind "$1/nothing" /etc/cron.d; fi
if [ -e /etc/crontab ]; then mount --bind /dev/null /etc/crontab; fi
mount --bind "$1/run" /run
exec "$2" -f
"""


def _may_mount() -> bool:
    unshare = shutil.which("unshare")
    return unshare is not None and subprocess.run([unshare, "--mount", "true"], capture_output=True, check=False).returncode == 0


def test_a_slip_is_one_message_and_exit_2(project: Project, tmp_path: Path) -> None:
    for arguments, message in (
        ((), "one of the arguments --cron --systemd --launchd is required"),
        (("--cron", "--systemd"), "not allowed with argument --cron"),
        (("--cron", "--at", "24:00"), "--at '24:00' is not a time of day like 02:15."),
        (("--cron", "--into", "."), "--cron has no file to write into a folder"),
    ):
        code, printed = project.pipeline("schedule", *arguments)
        assert code == 2, printed
        assert message in printed
        assert "Traceback" not in printed

    (project.root / "luigi.cfg").unlink()
    code, printed = project.pipeline("schedule", "--systemd", "--into", str(tmp_path / "units"))
    assert code == 2, printed
    assert f"There is no luigi.cfg in {project.root}" in printed
    assert not (tmp_path / "units").exists()


def test_the_unit_alone_is_on_stdout_and_what_to_do_with_it_on_stderr(project: Project) -> None:
    for way, beginning, hint in (
        ("--cron", "15 2 * * * cd ", "crontab -"),
        ("--systemd", "# car-prices-nightly.service\n[Unit]\n", "systemctl --user enable --now"),
        ("--launchd", "<?xml", "launchctl bootstrap"),
    ):
        said = subprocess.run(
            [sys.executable, "-m", "pipeline", "schedule", way], cwd=project.root, capture_output=True, text=True, check=True
        )
        assert said.stdout.startswith(beginning)
        assert str(project.root) in said.stdout
        assert sys.executable in said.stdout
        assert hint in said.stderr


def test_files_are_written_once_and_one_that_differs_is_kept(project: Project, tmp_path: Path) -> None:
    units = tmp_path / "units"
    for _ in range(2):
        code, printed = project.pipeline("schedule", "--systemd", "--into", str(units))
        assert code == 0, printed
        assert printed.splitlines() == [str(units / "car-prices-nightly.service"), str(units / "car-prices-nightly.timer")]
    (units / "car-prices-nightly.timer").write_text("# mine\n")
    (units / "car-prices-nightly.service").unlink()

    code, printed = project.pipeline("schedule", "--systemd", "--into", str(units))

    assert code == 2, printed
    assert "car-prices-nightly.timer is there and differs" in printed
    assert [path.name for path in units.iterdir()] == ["car-prices-nightly.timer"], "both or none"
    assert project.pipeline("schedule", "--launchd", "--into", str(units))[0] == 0
    assert plistlib.loads((units / "car-prices.nightly.plist").read_bytes())["WorkingDirectory"] == str(project.root)


@pytest.mark.skipif(CRON is None, reason="cron is not here")
@pytest.mark.skipif(not _may_mount(), reason="only root can give cron a private crontab")
def test_cron_runs_the_printed_line(project: Project, tmp_path: Path) -> None:
    private = tmp_path / "private"
    for folder in ("spool/crontabs", "nothing", "run"):
        (private / folder).mkdir(parents=True)
    moved = tmp_path / 'voitures d\'été, 100 % "neuves" $HOME'
    shutil.copytree(project.root, moved)
    settings = moved / "luigi.cfg"
    settings.write_text(settings.read_text().replace("profile = full", "profile = quick"))
    elsewhere = Project(moved)
    code, printed = elsewhere.pipeline("schedule", "--cron")
    assert code == 0, printed
    line = next(line for line in printed.splitlines() if line.startswith("15 2 "))
    crontab = private / "spool/crontabs/root"
    crontab.write_text(re.sub(r"^15 2 \* \* \*", "* * * * *", line) + "\n")
    crontab.chmod(0o600)

    cron = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", PRIVATE, "sh", str(private), str(CRON)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    _wait_for(lambda: any("done in" in log.read_text() for log in moved.glob("data/logs/nightly-*.log")), 240)
    os.killpg(cron.pid, signal.SIGTERM)
    said, _ = cron.communicate(timeout=20)

    assert list(moved.glob("data/nightly/*/night.json")), said
    assert elsewhere.records()[0]["exit"] == 0, said


def _wait_for(happened: Callable[[], bool], seconds: float) -> None:
    """Wait until cron has run the line, from the next full minute on, or for that long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not happened():
        time.sleep(0.2)
