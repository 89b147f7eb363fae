"""What other environments and the pipeline's must share."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.unit.test_layers import MODULES, imports_of

ROOT = Path(__file__).parents[2]
PEERS = ROOT / "benchmarks/peers"


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"(?m)^([a-z-]+)==([0-9.]+)", (ROOT / name).read_text()))


def imports_below(modules: set[str]) -> set[str]:
    """Name what these modules of the project import from elsewhere, and what those that they import do."""
    seen, left = set(), set(modules)
    outside: set[str] = set()
    while left:
        module = left.pop()
        seen.add(module)
        found = imports_of(module) if module in MODULES else set()
        ours = {name for name in found if name.split(".")[0] == "pipeline" and name != "pipeline"}
        outside |= {name.split(".")[0] for name in found - ours} - {"pipeline"}
        left |= ours - seen
    return outside - sys.stdlib_module_names


def test_the_ui_has_the_versions_that_wrote_its_database_and_its_models():
    locked, ui = pins("requirements.lock"), pins("docs/mlflow-ui.txt")
    assert ui.pop("mlflow") == locked["mlflow-skinny"]
    assert ui == {name: locked[name] for name in ("scikit-learn", "skops", "msgspec", "luigi")}


def test_other_tools_have_what_the_stages_of_the_plain_job_import():
    imports = [node for node in ast.walk(ast.parse((PEERS / "job.py").read_bytes())) if isinstance(node, ast.ImportFrom)]
    stages = {f"{node.module}.{alias.name}" for node in imports for alias in node.names} & MODULES.keys()
    stages |= {node.module for node in imports if node.module in MODULES}
    wanted = {packages_distributions()[name][0] for name in imports_below(stages)}
    common = pins("benchmarks/peers/requirements.in")
    assert wanted - {"SQLAlchemy"} <= common.keys()  # SQLAlchemy is there in the version that each tool bears
    locked = (ROOT / "requirements.lock").read_text()
    assert all(f"{name}=={version}" in locked for name, version in common.items())
    for tool in ("airflow", "dvc", "naive_luigi", "pytask"):
        assert common.items() <= pins(f"benchmarks/peers/{tool}/requirements.txt").items()


def test_every_package_of_the_lock_is_bound_to_hashes_and_both_lines_of_the_readme_ask_for_them():
    lock = (ROOT / "requirements.lock").read_text()
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", lock)[1:]
    assert len(blocks) > 100
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
    installs = re.findall(r"pip install .*?-r requirements\.lock", (ROOT / "README.md").read_text())
    assert len(installs) == 2
    assert all("--require-hashes" in line for line in installs)


def test_the_page_of_licences_covers_every_package_of_the_lock():
    locked = dict(re.findall(r"(?m)^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", (ROOT / "requirements.lock").read_text()))
    page = (ROOT / "docs/licences.md").read_text()
    told = dict(re.findall(r"(?:^|, )([A-Za-z0-9._-]+) ([0-9][^ ,\n]*)", page, re.MULTILINE))
    wrong = {name: version for name, version in locked.items() if told.get(name) != version}
    assert not wrong, f"python .ci/licences.py > docs/licences.md: {wrong}"
    assert "**unknown**" not in page.partition("## ")[2], "a licence that nobody knows"
