"""Throw-away project folders to measure in, and the commands run in them."""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).parents[1]
PEERS = Path(__file__).with_name("peers")
_MB = 1024 * 1024


@dataclass(frozen=True)
class Cost:
    """What one command took: seconds by the clock, and of processor time with its children; MB of its largest process."""

    wall_s: float
    cpu_s: float
    peak_mb: float = 0.0
    code: int = 0


@contextlib.contextmanager
def temporary_project() -> Iterator[Path]:
    """Yield a folder with the settings and the code of this checkout, and nothing built."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copytree(REPOSITORY / "pipeline", root / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(REPOSITORY / "luigi.cfg", root)
        try:
            yield root
        finally:
            for path in root.rglob("*"):
                if path.is_dir():
                    path.chmod(0o755)


def write_plain_job(root: Path, market: str) -> None:
    """Turn a project into one without Luigi: the job's stages, the plain script, and the settings as JSON."""
    (root / "pipeline/__init__.py").write_text('"""The pipeline\'s functions, without its tasks."""\n', encoding="utf-8")
    for name in ("job.py", "script.py"):
        shutil.copy(PEERS / name, root)
    settings = configparser.ConfigParser()
    settings.read(root / "luigi.cfg")
    (root / "luigi.cfg").unlink()
    sections = (settings["Split"], settings["Train"])
    numbers = {name: json.loads(text) for section in sections for name, text in section.items() if name != "profile"}
    write_settings(root, {"seed": 0, **numbers, "market": market, "profile": "quick"})


def write_settings(root: Path, changed: Mapping[str, object]) -> None:
    """Change settings of a plain job."""
    path = root / "params.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**before, **changed}, indent=1) + "\n", encoding="utf-8")


def compile_code(root: Path) -> None:
    """Compile the code, as an installed project's is: no run pays for it."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", root], check=True)


def luigi_command(module: str, *arguments: str) -> list[str]:
    """Return a luigi command with the local scheduler."""
    return [str(Path(sys.executable).with_name("luigi")), "--module", module, *arguments, "--local-scheduler"]


def run_luigi(root: Path, module: str, *arguments: str) -> Cost:
    """Run one luigi command in `root` with the local scheduler; raises CalledProcessError with its output on failure."""
    return run_command(root, luigi_command(module, *arguments))


def run_command(root: Path, command: list[str], settings: Mapping[str, str] | None = None, *, may_fail: bool = False) -> Cost:
    """Run a command in `root`; raises CalledProcessError with its output on failure, unless it may fail."""
    with tempfile.TemporaryFile("w+") as printed:
        clock = time.perf_counter()
        process = _start(root, command, settings or {}, printed)
        _, status, used = os.wait4(process.pid, 0)  # the one call that tells the peak of this process and its children alone
        wall_s = time.perf_counter() - clock
        process.returncode = code = os.waitstatus_to_exitcode(status)
        if code and not may_fail:
            printed.seek(0)
            error = subprocess.CalledProcessError(code, command, printed.read())
            error.add_note(error.output[-2000:])
            raise error
    peak_mb = used.ru_maxrss / (_MB if sys.platform == "darwin" else 1024)
    return Cost(wall_s, used.ru_utime + used.ru_stime, peak_mb, code)


def watch_memory(root: Path, command: list[str], settings: Mapping[str, str] | None = None) -> float:
    """Run a command and return the most MB that all its processes held together; what they share counts once."""
    process, most = _start(root, command, settings or {}, subprocess.DEVNULL), 0
    while process.poll() is None:
        most = max(most, _held(process.pid))
        time.sleep(0.05)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return most / _MB


def _start(root: Path, command: list[str], settings: Mapping[str, str], printed: object) -> subprocess.Popen[bytes]:
    surroundings = {**os.environ, "PYTHONPATH": str(root), **settings}
    return subprocess.Popen(command, cwd=root, env=surroundings, stdout=printed, stderr=subprocess.STDOUT)  # type: ignore[call-overload, no-any-return]


def _held(pid: int) -> int:
    held = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                used = one.memory_full_info()
                held += getattr(used, "pss", used.uss)
    return held
