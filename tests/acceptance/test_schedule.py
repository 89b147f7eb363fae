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
from pathlib import Path

import pytest

from tests.acceptance.conftest import Project

CRON = shutil.which("cron", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
# Stands in for the run, which is another test's matter.
NIGHTLY = '''
"""Say where it was run."""
import os
import sys
from pathlib import Path


def add_arguments(parser):
    pass


def run(options):
    Path("ran").write_text("\\n".join([os.getcwd(), sys.executable]))
    return 0
'''
# Cron sees one crontab alone, and has a folder of its own for its process id: the machine's own are not touched.
PRIVATE = """
set -e
mount --make-rprivate /
mount --bind "$1/spool" /var/spool/cron
mount --bind "$1/nothing" /etc/cron.d
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
        assert printed.split() == [str(units / "car-prices-nightly.service"), str(units / "car-prices-nightly.timer")]
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
    (moved / "pipeline/commands/nightly.py").write_text(NIGHTLY)
    main = moved / "pipeline/__main__.py"
    if '"nightly":' not in main.read_text():
        main.write_text(main.read_text().replace("COMMANDS = {", 'COMMANDS = {"nightly": "stand in",'))
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
    _wait_for(moved / "ran", 90)
    os.killpg(cron.pid, signal.SIGTERM)
    said, _ = cron.communicate(timeout=20)

    assert (moved / "ran").exists(), said
    assert (moved / "ran").read_text() == f"{moved}\n{sys.executable}"


def _wait_for(path: Path, seconds: float) -> None:
    """Wait until cron has run the line, at the next full minute, or for that long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not (path.exists() and path.read_text()):
        time.sleep(0.2)
