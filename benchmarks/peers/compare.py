"""The job under other tools, each in an environment of its own: seconds, and what runs again when something changes."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.job import STAGES
from benchmarks.projects import (
    PEERS,
    Cost,
    compile_code,
    luigi_command,
    run_command,
    temporary_project,
    write_plain_job,
    write_settings,
)
from pipeline.market import fold_header
from pipeline.market_files import load_market

CACHE = Path(tempfile.gettempdir()) / "carprice-peers"
EDITED = "pipeline/stages/split.py"
REAL_EDIT = ("/ 2**64", "/ 2**65")
CHANGES = ("touch", "row edited", "comment", "code edit", "one parameter", "parameter put back", "truncated file")
_TIMED = "one parameter"


@dataclass
class Project:
    """A project under one tool, as a benchmark uses it."""

    root: Path
    market: str

    @property
    def raw(self) -> Path:
        """The folder of deliveries."""
        return self.root / "raw"

    @property
    def intermediate(self) -> Path:
        """A file in the middle of the job."""
        return self.root / "out/clean/listings.parquet"

    @property
    def metrics(self) -> Path:
        """What comes out."""
        return self.root / "out/evaluate/metrics.json"

    def command(self) -> list[str]:
        """Return the command that brings everything up to date."""
        raise NotImplementedError

    def settings(self) -> dict[str, str]:
        """Return environment variables for it."""
        return {}

    def set_seed(self, seed: int) -> None:
        """Change the parameter in the file of settings."""
        write_settings(self.root, {"seed": seed})

    def ran(self, mark: dict[Path, int]) -> list[str]:  # noqa: ARG002
        """Return the stages that ran since the mark was made."""
        log = self.root / "ran.log"
        return log.read_text().split() if log.exists() else []

    def mark(self) -> dict[Path, int]:
        """Begin to watch which stages run."""
        (self.root / "ran.log").unlink(missing_ok=True)
        return {}

    def forget(self, stage: str = "") -> None:
        """Delete the result of a stage, or of all."""
        shutil.rmtree(self.root / "out" / stage)

    def run(self) -> Cost:
        """Bring everything up to date, or fail."""
        return run_command(self.root, self.command(), self.settings(), may_fail=True)


@dataclass
class Ours(Project):
    """This pipeline."""

    seed: int = 0

    @property
    def raw(self) -> Path:
        """The folder of deliveries."""
        return self.root / "data/raw" / self.market

    @property
    def intermediate(self) -> Path:
        """The listings that are current."""
        return self.root / _stages(self.root, self.market)["clean"] / "listings.parquet"

    @property
    def metrics(self) -> Path:
        """The metrics that are current."""
        return ours_metrics(self.root, self.market)

    def command(self) -> list[str]:
        """Return the main job."""
        return luigi_command(
            "pipeline",
            "Evaluate",
            "--market",
            self.market,
            "--Train-profile",
            "quick",
            "--Train-seed",
            str(self.seed),
        )

    def set_seed(self, seed: int) -> None:
        """Change the parameter on the command line."""
        self.seed = seed

    def mark(self) -> dict[Path, int]:
        """Note the results that are there."""
        return results(self.root)

    def ran(self, mark: dict[Path, int]) -> list[str]:
        """Return the stages that committed a result; the receipt of MLflow stands for the last."""
        ran = {
            "report" if path.parent.name == "receipts" else json.loads(path.read_bytes())["task"].lower()
            for path in new_results(self.root, mark)
        }
        return sorted(ran, key=list(STAGES).index)

    def forget(self, stage: str = "") -> None:
        """Delete the result of a stage."""
        folder = self.root / _stages(self.root, self.market)[stage]
        folder.chmod(0o755)
        shutil.rmtree(folder)


@dataclass
class Script(Project):
    """The plain script."""

    def command(self) -> list[str]:
        """Return the script."""
        return [sys.executable, "script.py"]


@dataclass
class Tool(Project):
    """A tool of its own environment."""

    name: str = ""
    arguments: tuple[str, ...] = ()
    surroundings: dict[str, str] = field(default_factory=dict)
    preparations: tuple[tuple[str, ...], ...] = ()

    def command(self) -> list[str]:
        """Return the tool's command."""
        return self._resolve(self.arguments)

    def settings(self) -> dict[str, str]:
        """Return environment variables: the tool's own programs come first."""
        path = f"{_bin(self.name)}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, **{key: value.replace("ROOT", str(self.root)) for key, value in self.surroundings.items()}}

    def prepare(self) -> None:
        """Bring the tool's own file, and do what it needs once."""
        shutil.copytree(
            PEERS / self.name, self.root, ignore=shutil.ignore_patterns("requirements.txt", "__pycache__"), dirs_exist_ok=True
        )
        for arguments in self.preparations:
            run_command(self.root, self._resolve(arguments), self.settings())

    def _resolve(self, arguments: tuple[str, ...]) -> list[str]:
        return [str(_bin(self.name) / arguments[0]), *arguments[1:]]


@dataclass(frozen=True)
class Contestant:
    """A tool by the name that the table shows, and what makes a project of it."""

    title: str
    make: Callable[[Path, str], Project]
    name: str = ""


def _tool(**options: object) -> Callable[[Path, str], Project]:
    return lambda root, market: Tool(root, market, **options)  # type: ignore[arg-type]


_AIRFLOW = {
    "AIRFLOW_HOME": "ROOT/airflow",
    "AIRFLOW__CORE__DAGS_FOLDER": "ROOT/dags",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__EXECUTOR": "SequentialExecutor",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
}
CONTESTANTS = (
    Contestant("plain script", Script),
    Contestant("**this pipeline**", Ours),
    Contestant(
        "Luigi as tutorials write it",
        _tool(name="naive_luigi", arguments=("luigi", "--module", "tasks", "Run", "--local-scheduler")),
        "naive_luigi",
    ),
    Contestant(
        "DVC",
        _tool(
            name="dvc",
            arguments=("dvc", "repro", "--quiet"),
            surroundings={"DVC_NO_ANALYTICS": "1"},
            preparations=(("dvc", "init", "--no-scm", "--quiet"), ("dvc", "config", "core.check_update", "false")),
        ),
        "dvc",
    ),
    Contestant("pytask", _tool(name="pytask", arguments=("pytask",)), "pytask"),
    Contestant(
        "Airflow `dags test`",
        _tool(
            name="airflow",
            arguments=("airflow", "dags", "test", "job", "2024-01-01"),
            surroundings=_AIRFLOW,
            preparations=(("airflow", "db", "migrate"),),
        ),
        "airflow",
    ),
)


@dataclass
class Findings:
    """What was seen of one tool."""

    cold: list[Cost] = field(default_factory=list)
    noop: list[Cost] = field(default_factory=list)
    changed: dict[str, tuple[list[str], Cost]] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)
    is_restored: bool = False
    failure_code: int = 0
    problem: str = ""


def report_peers(market: str, deliveries: Path, repeats: int) -> str:
    """Measure every tool by turns, change what it rests on, and return two tables as Markdown."""
    found = {one.title: Findings(problem=install(one.name) if one.name else "") for one in CONTESTANTS}
    for turn in range(repeats):
        for one in CONTESTANTS:
            findings = found[one.title]
            if findings.problem:
                continue
            with _project(one, market, deliveries) as project:
                try:
                    _measure(project, findings)
                    if turn == repeats - 1:
                        _change(project, findings, found["plain script"].metrics)
                except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
                    findings.problem = _tell(error)
    return "\n".join([_show_seconds(found, market, repeats), _show_changes(found)])


def install(name: str) -> str:
    """Install a tool, if it is not there yet, and return what went wrong, or nothing."""
    requirements = PEERS / name / "requirements.txt"
    stamp = CACHE / name / hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    if stamp.exists():
        return ""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        return "uv is not installed"
    python = _bin(name) / "python"
    commands: tuple[list[str | Path], ...] = (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, CACHE / name],
        [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, "-r", requirements],
        [uv, "pip", "check", "--quiet", "--python", python],
    )
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"could not be installed: {done.stderr.strip()[-300:]}"
    stamp.touch()
    return ""


def results(root: Path) -> dict[Path, int]:
    """Return what tells whether a result was made anew: manifests and receipts with their times."""
    found = [
        *root.glob("data/*/*/manifest.json"),
        *root.glob("models/*/manifest.json"),
        *root.glob("data/mlflow/receipts/*.json"),
    ]
    return {path: path.stat().st_mtime_ns for path in found if ".damaged-" not in path.parent.name}


def new_results(root: Path, before: dict[Path, int]) -> list[Path]:
    """Return the results that were not there before, or made anew."""
    return sorted(path for path, made_at in results(root).items() if before.get(path) != made_at)


def ours_metrics(root: Path, market: str) -> Path:
    """Return the metrics that are current."""
    return root / _stages(root, market)["evaluate"] / "metrics.json"


def _stages(root: Path, market: str) -> dict[str, str]:
    stages: dict[str, str] = json.loads((root / f"data/current/{market}.json").read_bytes())["stages"]
    return stages


def _bin(name: str) -> Path:
    return CACHE / name / ("Scripts" if os.name == "nt" else "bin")


@contextlib.contextmanager
def _project(one: Contestant, market: str, deliveries: Path) -> Iterator[Project]:
    with temporary_project() as root:
        project = one.make(root, market)
        if not isinstance(project, Ours):
            write_plain_job(root, market)
        shutil.copytree(deliveries, project.raw)
        if isinstance(project, Tool):
            project.prepare()
        compile_code(root / "pipeline")
        yield project


def _measure(project: Project, findings: Findings) -> None:
    findings.cold.append(_run(project))
    findings.noop.append(_run(project))


def _change(project: Project, findings: Findings, truth: Mapping[str, str]) -> None:
    for change in CHANGES:
        whole = _digest(project.intermediate)
        change_project(project, change)
        mark = project.mark()
        cost = _run(project)
        findings.changed[change] = (project.ran(mark), cost)
        findings.metrics[change] = _digest(project.metrics)
        if change == "truncated file":
            findings.is_restored = _digest(project.intermediate) == whole
        elif findings.metrics[change] != truth[change]:
            project.forget()  # so that the next change finds what a run from nothing leaves
            _run(project)
    project.forget("split")  # or a tool that looks no further never comes to the failure
    with (project.root / EDITED).open("a") as code:
        code.write('\nraise RuntimeError("broken on purpose")\n')
    findings.failure_code = project.run().code


def change_project(project: Project, change: str) -> None:
    """Do one of `CHANGES` to a project."""
    if change == "touch":
        _first_delivery(project).touch()
    elif change == "row edited":
        _edit_row(_first_delivery(project), project.market, project.root)
    elif change == "comment":
        with (project.root / EDITED).open("a") as code:
            code.write("# a comment\n")
    elif change == "code edit":
        code_before = (project.root / EDITED).read_text()
        if REAL_EDIT[0] not in code_before:
            raise RuntimeError(f"{EDITED} no longer has {REAL_EDIT[0]}")
        (project.root / EDITED).write_text(code_before.replace(*REAL_EDIT))
    elif change == "one parameter":
        project.set_seed(1)
    elif change == "parameter put back":
        project.set_seed(0)
    else:
        path = project.intermediate
        path.chmod(0o644)
        os.truncate(path, path.stat().st_size // 2)


def _first_delivery(project: Project) -> Path:
    return min(project.raw.glob("*.csv"))


def _edit_row(path: Path, market: str, root: Path) -> None:
    """Make the first car that has a year older by one."""
    terms = load_market(market, (root / "pipeline/markets",))
    headers = {fold_header(header) for header in terms.columns["year"].headers}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream))
    place = next(number for number, header in enumerate(rows[0]) if fold_header(header) in headers)
    row = next(row for row in rows[1:] if row[place].strip().isdecimal())
    row[place] = str(int(row[place]) - 1)
    written = io.StringIO(newline="")
    csv.writer(written).writerows(rows)
    path.write_text(written.getvalue(), encoding="utf-8")


def _run(project: Project) -> Cost:
    cost = project.run()
    if cost.code:
        run_command(project.root, project.command(), project.settings())  # once more, to raise with what it printed
        raise RuntimeError(f"ended with {cost.code} once")
    return cost


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _tell(error: Exception) -> str:
    printed = getattr(error, "output", None)
    lines = str(printed or error).strip().splitlines()
    return f"failed here: {lines[-1][:200] if lines else error}"


def _show_seconds(found: dict[str, Findings], market: str, repeats: int) -> str:
    script = _median(found["plain script"].cold)
    lines = [
        f"The same seven stages, {market}, the quick profile's model: wall seconds, median of {repeats} by turns (one parameter: one run).",
        "",
        "| | cold s | × script | nothing to do s | one parameter s | exit code when a stage fails |",
        "|---|---|---|---|---|---|",
    ]
    for title, one in found.items():
        if one.problem:
            lines.append(f"| {title} | {one.problem.replace('|', '/')} | | | | |")
            continue
        cold = _median(one.cold)
        changed = one.changed[_TIMED][1].wall_s
        lines.append(
            f"| {title} | {cold:.1f} | {cold / script:.2f} | {_median(one.noop):.2f} | {changed:.1f} | {one.failure_code} |"
        )
    return "\n".join([*lines, ""])


def _show_changes(found: dict[str, Findings]) -> str:
    truth = found["plain script"].metrics
    lines = [
        "Which stages run again, of ingest, check, clean, split, train, evaluate, report. *Stale*: the metrics are then not those of the script.",
        "",
        f"| | {' | '.join(CHANGES)} |",
        "|---" * (len(CHANGES) + 1) + "|",
    ]
    for title, one in found.items():
        if not one.problem:
            cells = [_show_change(one, change, truth[change]) for change in CHANGES]
            lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _show_change(one: Findings, change: str, truth: str) -> str:
    stages = list(dict.fromkeys(one.changed[change][0]))
    names = f"{len(stages)}: {stages[0]} to {stages[-1]}" if len(stages) > 1 else "".join(stages) or "none"
    if one.metrics[change] != truth:
        return f"{names}, **stale**"
    if change == "truncated file" and not one.is_restored:
        return f"{names}, **stays broken**"
    return f"{names}, restored" if change == "truncated file" and "clean" not in stages else names


def _median(costs: list[Cost]) -> float:
    return statistics.median(cost.wall_s for cost in costs)
