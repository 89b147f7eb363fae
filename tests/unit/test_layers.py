"""Imports point down only, and asking what there is to do stays cheap."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pipeline
from pipeline import paths
from pipeline.incremental.task import IncrementalTask

ROOT = Path(__file__).parents[2]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "pipeline").rglob("*.py"))
}
# What each part may import of the project; a part may always import itself.
MAY_IMPORT = {
    "pipeline.incremental": (),
    "pipeline.errors": ("pipeline.incremental",),
    "pipeline.listing": (),
    "pipeline.market": ("pipeline.errors", "pipeline.listing"),
    "pipeline.valuation": ("pipeline.listing",),
    "pipeline.contender": (),
    "pipeline.stages": ("pipeline.contender", "pipeline.errors", "pipeline.listing", "pipeline.market", "pipeline.valuation"),
}
# What knows the graph; everything else lies below it.
ABOVE_THE_GRAPH = ("pipeline", "pipeline.__main__", "pipeline.commands", "pipeline.tasks")
HEAVY = ("pandas", "numpy", "sklearn", "pyarrow", "scipy", "mlflow", "skops", "streamlit", "altair", "dask", "distributed")
OUTSIDE_WORLD = {"luigi", "mlflow", "pathlib", "os", "io", "shutil", "tempfile", "time", "glob", "subprocess", "socket", "random"}
OUTSIDE_CALLS = {
    "open",
    "now",
    "today",
    "utcnow",
    "time",
    "read_csv",
    "read_parquet",
    "to_csv",
    "to_parquet",
    "read_text",
    "write_text",
}


# Libraries that cannot change what a stage writes: they run, send or limit what others compute.
ONLY_RUN = {"dask", "distributed", "joblib", "luigi", "threadpoolctl"}
# By which a stage only reads and checks what the pipeline itself wrote.
ONLY_CHECKS = {"msgspec"}
CHOOSES_ONLY = {"Tune": {"scikit-learn", "scipy"}}  # its module also fits trials, which are stages of their own
DISTRIBUTIONS = {"sklearn": "scikit-learn", "python_calamine": "python-calamine"}


def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_bytes())


def imports_of(module: str) -> set[str]:
    """Name the modules that a module imports anywhere; `from package import module` names the module."""
    found: set[str] = set()
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            found.update(name if (name := f"{base}.{alias.name}") in MODULES else base for alias in node.names)
    return found


def is_part(module: str, part: str) -> bool:
    return module == part or module.startswith(f"{part}.")


def modules_of(part: str) -> list[str]:
    return [module for module in MODULES if is_part(module, part)]


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_imports_point_down_only(part):
    assert modules_of(part)
    for module in modules_of(part):
        first_party = {name for name in imports_of(module) if is_part(name, "pipeline")}
        wrong = {name for name in first_party if not any(is_part(name, allowed) for allowed in (part, *MAY_IMPORT[part]))}
        assert not wrong, f"{module} imports {wrong}"


def test_services_do_not_know_stages_and_commands():
    for module in modules_of("pipeline.services"):
        wrong = {name for name in imports_of(module) if is_part(name, "pipeline.stages") or is_part(name, "pipeline.commands")}
        assert not wrong, f"{module} imports {wrong}"


def test_only_commands_know_the_graph():
    below = [module for module in MODULES if module not in ABOVE_THE_GRAPH and not is_part(module, "pipeline.commands")]
    for module in below:
        assert not imports_of(module) & {"pipeline", "pipeline.tasks"}, f"{module} imports the graph"


@pytest.mark.parametrize("module", [*modules_of("pipeline.stages"), *modules_of("pipeline.valuation")])
def test_a_stage_knows_no_luigi_no_mlflow_no_files_and_no_clock(module):
    assert not {name.partition(".")[0] for name in imports_of(module)} & OUTSIDE_WORLD
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Call)
    }
    assert not called & OUTSIDE_CALLS


def test_only_the_registry_imports_mlflow():
    importers = {module for module in MODULES if any(is_part(name, "mlflow") for name in imports_of(module))}
    assert importers <= {"pipeline.services.registry"}


def test_only_the_cluster_imports_dask():
    importers = {
        module for module in MODULES if any(is_part(name, "dask") or is_part(name, "distributed") for name in imports_of(module))
    }
    assert importers == {"pipeline.services.cluster"}


DASHBOARD = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sorted((ROOT / "dashboard").rglob("*.py"))}


@pytest.mark.parametrize("module", DASHBOARD)
def test_only_pages_know_streamlit_and_none_knows_the_graph(module):
    tree = ast.parse(DASHBOARD[module].read_bytes())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    is_page = module in ("dashboard.app", "dashboard.frame", "dashboard.page") or module.startswith("dashboard.views.")
    assert is_page or not any(is_part(name, "streamlit") for name in imported)
    assert not imported & {"pipeline.tasks", "mlflow"}
    taken = {
        name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "pipeline"
        for name in node.names
    }
    assert all(f"pipeline.{name}" in MODULES for name in taken), taken


def test_the_pipeline_does_not_know_the_dashboard():
    for module in MODULES:
        assert not any(is_part(name, "dashboard") or is_part(name, "streamlit") for name in imports_of(module)), module


def run_python(program: str, folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


LIST_HEAVY = f"import sys; print(sorted(set(sys.modules) & set({HEAVY})))"


def test_importing_the_pipeline_imports_no_heavy_library(tmp_path):
    assert run_python(f"import pipeline; {LIST_HEAVY}", tmp_path) == "[]\n"


def test_asking_what_is_complete_imports_no_heavy_library_and_never_raises(tmp_path):
    (tmp_path / "data/raw/sample").mkdir(parents=True)
    (tmp_path / "data/raw/sample/2024-01-01.csv").write_text("Marque,Prix\nDacia,50000\n")
    program = (
        "import pipeline\n"
        "waiting = [pipeline.Nightly(market='sample')]\n"
        "seen = []\n"
        "while waiting:\n"
        "    task = waiting.pop()\n"
        "    assert not task.complete(), task\n"
        "    assert not task.output().exists(), task\n"
        "    waiting.extend(task.deps())\n"
        "    seen.append(task.task_family)\n"
        "assert {'Ingest', 'Check', 'Clean', 'Split', 'Train', 'Evaluate', 'Promote', 'Score', 'Report', 'Monitor'} <= set(seen), seen\n"
    )
    assert run_python(program + LIST_HEAVY, tmp_path) == "[]\n"


def test_pricing_imports_nothing_that_a_price_does_not_need(tmp_path):
    program = "import sys, pipeline.pricing, pipeline.commands.price, pipeline.stages.train; "
    unneeded = {"mlflow", "sqlalchemy", "alembic", "matplotlib", "streamlit", "altair"}
    assert run_python(f"{program} print(sorted(set(sys.modules) & {unneeded}))", tmp_path) == "[]\n"


def test_without_a_cluster_in_the_settings_nothing_of_dask_is_imported(tmp_path):
    program = (
        "import sys, pipeline, pipeline.ingesting\n"
        "task = pipeline.Train(market='sample')\n"
        "task.map_folds(), task.prepare(), task.cluster()\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'dask', 'distributed'}))"
    )
    assert run_python(program, tmp_path) == "[]\n"


def test_heavy_libraries_would_be_noticed(tmp_path):
    assert "pandas" in run_python(f"import pipeline, pipeline.stages.clean; {LIST_HEAVY}", tmp_path)


@pytest.mark.parametrize("family", ["Ingest", "Check", "Clean", "Trial", "Train", "Evaluate"])
def test_no_setting_of_the_project_decides_a_result(family):
    import pipeline
    from pipeline import paths

    assert not {"pipeline.settings", "pipeline.paths"} & paths.workspace().digest_class(getattr(pipeline, family)).keys()


STAGES = [getattr(pipeline, name) for name in pipeline.__all__ if issubclass(getattr(pipeline, name), IncrementalTask)]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.task_family)
def test_a_recipe_names_every_library_that_decides_the_result(stage):
    code = paths.workspace().digest_class(stage)
    reached = {name.split(".")[0] for module in code if module in MODULES for name in imports_of(module)}
    libraries = {DISTRIBUTIONS.get(name, name) for name in reached - sys.stdlib_module_names - {"pipeline"}}
    harmless = ONLY_RUN | CHOOSES_ONLY.get(stage.task_family, set()) | (set() if stage is pipeline.Ingest else ONLY_CHECKS)
    assert libraries - harmless <= set(stage.libraries)
