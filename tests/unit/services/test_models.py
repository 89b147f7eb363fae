"""Model files: equal fits are equal bytes, and nothing is loaded that was not committed."""

import io
import os
import pickle
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io

from pipeline.incremental.digests import digest_file, digest_value
from pipeline.incremental.errors import ResultDamaged
from pipeline.incremental.manifest import FileRecord, Manifest
from pipeline.services.models import MODEL_FILE, ModelUnreadable, canonical_zip, load_model, save_model
from pipeline.stages.train import Hyperparameters, PriceModel, fit_model

HYPERPARAMETERS = Hyperparameters(iterations_factor=0.02)


def make_cars() -> pd.DataFrame:
    numbers = np.arange(120)
    makes = pd.Series([f"make {number % 5}" for number in numbers], dtype="str")
    models, groups = (pd.Series([f"{name} {number}" for number in numbers], dtype="str") for name in ("model", "group"))
    years = 2000.0 + numbers % 17
    return pd.DataFrame(
        {"make": makes, "model": models, "year": years, "price": 1000.0 + 37 * (numbers % 29), "group_id": groups}
    )


def fit() -> PriceModel:
    cars = make_cars()
    return fit_model(cars, {"make": "category", "model": "category", "year": "number"}, HYPERPARAMETERS, 0.9, lambda *_: None)


def commit_content(content: bytes, folder: Path) -> Path:
    """Write a model's bytes as a committed result."""
    path = folder / MODEL_FILE
    path.write_bytes(content)
    record = FileRecord(digest_file(path), path.stat().st_size, path.stat().st_mtime_ns)
    Manifest("Train", digest_value({}), {}, {MODEL_FILE: record}, "run", "2024-01-01T00:00:00+00:00", 1.0).write(folder)
    return folder


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    save_model(fit(), tmp_path / MODEL_FILE)
    return commit_content((tmp_path / MODEL_FILE).read_bytes(), tmp_path)


def test_a_loaded_model_estimates_as_the_fitted_one_did(committed):
    cars = make_cars()
    loaded = load_model(committed)
    assert isinstance(loaded, PriceModel)
    pd.testing.assert_frame_equal(loaded.estimate(cars), fit().estimate(cars), check_exact=True)


def test_equal_fits_are_equal_bytes(tmp_path):
    for name in ("a", "b"):
        save_model(fit(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_equal_fits_in_two_processes_with_one_thread_and_with_two_are_equal_bytes(tmp_path):
    save_model(fit(), tmp_path / "here")
    program = (
        "import sys, pathlib; from tests.unit.services.test_models import fit, save_model; "
        "save_model(fit(), pathlib.Path(sys.argv[1]))"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "there")],
        check=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "OMP_NUM_THREADS": "2"},
    )
    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()


def test_another_fit_is_other_bytes(tmp_path):
    model = fit()
    save_model(model, tmp_path / "a")
    save_model(replace(model, level=0.8), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()


def test_the_canonical_form_of_a_canonical_zip_is_itself():
    once = canonical_zip(skops.io.dumps(fit()))
    assert canonical_zip(once) == once


def test_the_zip_names_no_moment_and_no_place():
    with zipfile.ZipFile(io.BytesIO(canonical_zip(skops.io.dumps({"a": np.arange(3)})))) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == sorted(archive.namelist())


def test_a_model_that_another_process_sent_has_the_same_bytes(tmp_path):
    model = fit()
    sent = replace(model, recipe=replace(model.recipe, members=[pickle.loads(pickle.dumps(one)) for one in model.recipe.members]))
    for name, one in (("here", model), ("sent", sent)):
        save_model(one, tmp_path / name)
    assert (tmp_path / "here").read_bytes() == (tmp_path / "sent").read_bytes()


def test_a_model_altered_after_its_commit_is_not_loaded(committed):
    path = committed / MODEL_FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ResultDamaged, match="was altered after it was committed"):
        load_model(committed)


def test_a_model_whose_members_are_packed_is_refused(committed, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(committed / MODEL_FILE) as ours, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in ours.namelist():
            packed.writestr(name, ours.read(name))
    with pytest.raises(ModelUnreadable, match="its members are packed"):
        load_model(commit_content(buffer.getvalue(), tmp_path))


def test_a_model_without_a_manifest_is_not_loaded(tmp_path):
    save_model(fit(), tmp_path / MODEL_FILE)
    with pytest.raises(ResultDamaged, match="holds no manifest"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"no zip", pickle.dumps({"a": 1}), skops.io.dumps(subprocess.run)],
    ids=["nothing", "text", "a pickle", "a type that our code does not trust"],
)
def test_what_is_no_model_of_ours_is_refused_with_what_to_do(tmp_path, content):
    with pytest.raises(ModelUnreadable, match=r"cannot be loaded: .*Train it again"):
        load_model(commit_content(content, tmp_path))
