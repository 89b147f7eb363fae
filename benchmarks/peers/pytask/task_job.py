"""The job under pytask, parameters hashed."""

from pathlib import Path
from typing import Annotated

import job
from pytask import Product, PythonNode, task

GIVEN = [*sorted(job.RAW.resolve().glob("*.csv")), *sorted(Path("pipeline/markets").resolve().glob("*.toml"))]

for _name, _stage in job.STAGES.items():
    _needed = [(job.OUT / before / file).resolve() for before in _stage.after for file in job.STAGES[before].files]
    _code = [(Path("pipeline") / code).resolve() for code in _stage.code]
    _files = [(job.OUT / _name / file).resolve() for file in _stage.files]
    _settings = str({name: job.read_settings()[name] for name in _stage.settings})

    @task(id=_name, kwargs={"needed": [*_needed, *_code, *([] if _stage.after else GIVEN)]})
    def task_stage(
        needed: list[Path],  # noqa: ARG001
        settings: Annotated[str, PythonNode(value=_settings, hash=True)],  # noqa: ARG001
        name: str = _name,
        produces: Annotated[list[Path], Product] = _files,  # noqa: ARG001
    ) -> None:
        """Run a stage when what it reads, its code or its settings changed."""
        job.run(name)
