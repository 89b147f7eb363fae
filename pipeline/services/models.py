"""Models as files: skops with one spelling of its zip, loaded with types that our code trusts. Never unpickled."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.incremental.manifest import read_checked

MODEL_FILE = "model.skops"
# What MLflow wants to know to load the folder: this module, whose `_load_pyfunc` it calls. No pickle, no dates.
_MLMODEL = f"""flavors:
  python_function:
    data: {MODEL_FILE}
    loader_module: {__name__}
"""
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest date that a zip can hold
# A literal, never read from the artefact: what these name is code that loading may run.
_TRUSTED = (
    "functools.partial",
    "pipeline.stages.train.PriceModel",
    "pipeline.valuation.contributions.Typical",
    "pipeline.valuation.domain.Domain",
    "pipeline.valuation.donors.Donors",
    "pipeline.valuation.encoding.Encoding",
    "pipeline.valuation.features.FeatureChoice",
    "pipeline.valuation.intervals.Intervals",
    "pipeline.valuation.members.Member",
    "pipeline.valuation.mileage.MileageFloor",
    "pipeline.valuation.process.Block",
    "pipeline.valuation.process.Inputs",
    "pipeline.valuation.process.Process",
    "pipeline.valuation.process.Scaling",
    "pipeline.valuation.recipe.RecipeModel",
    "pipeline.valuation.target_means.TargetMeans",
    "pipeline.valuation.trees.CompactBoosting",
    "pipeline.valuation.unseen.Unseen",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
)


class ModelUnreadable(UserError):
    """A model file was made by other library versions, or is no model of ours."""


def save_model(model: Any, path: Path) -> None:
    """Write a fitted model so that equal fits give equal bytes."""
    import skops.io  # here, as below: it imports all of scikit-learn, which whoever has no model to load need not wait for

    path.write_bytes(canonical_zip(skops.io.dumps(model)))


def describe_model(folder: Path) -> None:
    """Write beside a model file what MLflow needs to load it."""
    (folder / "MLmodel").write_text(_MLMODEL, encoding="utf-8")


class LoadedModel:
    """A model as MLflow hands it out: listings in canonical columns in, estimates out."""

    def __init__(self, model: Any) -> None:
        """Wrap a PriceModel."""
        self.model = model

    def predict(self, listings: Any, params: Any = None) -> Any:  # noqa: ARG002  # MLflow's signature
        """Return `estimate`, `low` and `high`, one row per listing."""
        return self.model.estimate(listings)


def _load_pyfunc(path: str) -> LoadedModel:
    """Load the model for MLflow; `path` is that of the model file in a committed folder."""
    return LoadedModel(load_model(Path(path).parent))


def load_model(folder: Path) -> Any:
    """Load the model of a committed folder, its bytes checked against the manifest first.

    Raises ResultDamaged when they differ, ModelUnreadable when they cannot be understood.
    """
    import skops.io

    content = read_checked(folder, MODEL_FILE)
    try:
        _refuse_packed(content)
        return skops.io.loads(content, trusted=list(_TRUSTED))
    except Exception as error:  # skops raises many kinds: the content is foreign, and its error is the reason
        raise ModelUnreadable(f"{folder / MODEL_FILE} cannot be loaded: {error}. Train it again.") from None


def _refuse_packed(content: bytes) -> None:
    """Refuse a zip whose members are more than its bytes: ours are stored as they are, and what unpacks may fill the memory."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members) or sum(one.file_size for one in members) > len(
        content
    ):
        raise ValueError("its members are packed, which ours never are")


def canonical_zip(content: bytes) -> bytes:
    """Rewrite a skops zip with one spelling.

    skops names arrays and numbers objects by memory addresses and dates its members; here arrays are named by their
    sha256, objects numbered as they occur, equal ones alike, members sorted, dated alike and stored.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members.pop("schema.json"))
    names = {name: f"{hashlib.sha256(data).hexdigest()}{Path(name).suffix}" for name, data in members.items()}
    numbered, _ = _renumber(schema, names, {})
    written = {names[name]: data for name, data in members.items()}
    written["schema.json"] = json.dumps(numbered, separators=(",", ":")).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(written):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), written[name])
    return buffer.getvalue()


def _renumber(node: Any, names: dict[str, str], numbers: dict[bytes, int]) -> tuple[Any, bytes]:
    """Return a node with its files renamed and its objects numbered, equal ones alike, and a digest of what it holds.

    Which of equal objects are one depends on where they were made: here, or in another process that sent them.
    """
    if isinstance(node, list):
        items = [_renumber(item, names, numbers) for item in node]
        return [item for item, _ in items], _digest(b"list", *(digest for _, digest in items))
    if not isinstance(node, dict):
        return node, _digest(json.dumps(node).encode())
    renamed, parts = {}, []
    for key, value in node.items():
        if key == "__id__":
            continue
        renamed[key], digest = _renumber(names.get(value, value) if key == "file" else value, names, numbers)
        parts += [key.encode(), digest]
    whole = _digest(b"dict", *parts)
    if "__id__" in node:
        renamed["__id__"] = numbers.setdefault(whole, len(numbers))
    return renamed, whole


def _digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()
