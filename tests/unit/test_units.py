"""Units say the very paths they were made of, as their own system reads them."""

import plistlib
import shlex
import shutil
import subprocess
from datetime import time
from pathlib import Path

import pytest

from pipeline.errors import UsageWrong
from pipeline.units import Nightly, cron_line, join_units, launchd_unit, systemd_units

FOLDERS = [
    "/srv/cars",
    "/srv/my cars",
    "/srv/Où/voitures d'été",
    '/srv/"quoted" cars',
    "/srv/100% cars",
    "/srv/%h/$HOME/`id`/$(id)",
    "/srv/#1; & co | > x",
    "/srv/-dash",
    "/srv/ü*?[x]~",
]


needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")


def nightly(folder="/srv/cars", at=time(2, 15)):
    return Nightly(Path(folder), Path(folder) / ".venv/bin/python", at)


def verify(folder):
    """Let systemd look at the units in a folder, and at no other of this machine's."""
    units = [folder / name for name in systemd_units(nightly())]
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", *units],
        env={"XDG_RUNTIME_DIR": str(folder), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return verified.returncode, verified.stderr


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_cron_line_is_one_line_that_a_shell_reads_as_it_was_meant(folder):
    line = cron_line(nightly(folder, time(23, 5)))

    assert line.count("\n") == 1
    assert line.endswith("\n")
    *fields, command = line.rstrip("\n").split(" ", 5)
    assert fields == ["5", "23", "*", "*", "*"]
    assert "%" not in command.replace("\\%", ""), "cron ends a command at a bare %"
    words = shlex.split(command.replace("\\%", "%").partition(" && said=$(")[0])
    assert words == ["cd", folder]
    run = command.replace("\\%", "%").partition("said=$(")[2].rpartition(" 2>&1)")[0]
    assert shlex.split(run) == [f"{folder}/.venv/bin/python", "-m", "pipeline", "nightly"]


@pytest.mark.parametrize(("ending", "printed"), [("exit 0", ""), ("exit 30", "what went wrong\n")])
def test_a_cron_line_prints_only_what_a_failed_night_said(tmp_path, ending, printed):
    folder = tmp_path / "voitures d'été 100%"
    folder.mkdir()
    python = folder / "python"
    python.write_text(f'#!/bin/sh\n[ "$*" = "-m pipeline nightly" ] && pwd > ran\necho what went wrong >&2\n{ending}\n')
    python.chmod(0o755)
    command = cron_line(Nightly(folder, python, time(2, 15))).split(" ", 5)[5].replace("\\%", "%")

    ran = subprocess.run(["/bin/sh", "-c", command], cwd="/", env={}, capture_output=True, text=True, check=False)

    assert (ran.stdout, ran.stderr) == (printed, "")
    assert (folder / "ran").read_text() == f"{folder}\n"


@needs_systemd
@pytest.mark.parametrize("folder", [folder.removeprefix("/srv/") for folder in FOLDERS])
def test_systemd_finds_nothing_wrong_with_its_units(tmp_path, folder):
    project = tmp_path / folder
    python = project / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    for name, text in systemd_units(Nightly(project, python, time(2, 15))).items():
        (tmp_path / name).write_text(text)

    assert verify(tmp_path) == (0, "")
    if "'" not in str(python) and '"' not in str(python):
        python.unlink()
        assert "is not executable" in verify(tmp_path)[1], "it does look at the path"


@needs_systemd
def test_systemd_reads_the_time_of_a_timer():
    timer = systemd_units(nightly(at=time(4, 5)))["car-prices-nightly.timer"]
    (calendar,) = [line.removeprefix("OnCalendar=") for line in timer.splitlines() if line.startswith("OnCalendar=")]

    read = subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True, text=True, check=True)

    assert "Normalized form: *-*-* 04:05:00" in read.stdout
    assert "Persistent=true" in timer


@pytest.mark.parametrize("folder", [*FOLDERS, "/srv/<cars> & ]]>"])
def test_a_property_list_is_read_back_as_it_was_meant(folder):
    (text,) = launchd_unit(nightly(folder, time(0, 7)), Path("/home/me/Library/Logs")).values()

    assert plistlib.loads(text.encode()) == {
        "Label": "car-prices.nightly",
        "ProgramArguments": [f"{folder}/.venv/bin/python", "-m", "pipeline", "nightly"],
        "WorkingDirectory": folder,
        "StartCalendarInterval": {"Hour": 0, "Minute": 7},
        "StandardErrorPath": "/home/me/Library/Logs/car-prices-nightly.log",
        "ProcessType": "Background",
    }


@pytest.mark.parametrize("folder", ["/srv/two\nlines", "/srv/tab\t", "/srv/back\\slash", "/srv/no utf-8 \udce9", "/srv/blank "])
def test_a_path_that_some_scheduler_would_misread_is_refused(folder):
    with pytest.raises(UsageWrong, match="cannot stand in a unit"):
        Nightly(Path(folder), Path("/usr/bin/python3"), time(2, 15))


def test_several_files_are_printed_below_their_names():
    assert join_units({"a.service": "[Unit]\n", "a.timer": "[Timer]\n"}) == "# a.service\n[Unit]\n\n# a.timer\n[Timer]\n"
    assert join_units({"a.plist": "<plist/>\n"}) == "<plist/>\n"
