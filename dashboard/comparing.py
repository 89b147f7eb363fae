"""Comparing: what differs between two runs, from their records and the manifests of their results; free of Streamlit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dashboard import reading, running
from dashboard.words import Words, mark

KINDS = {
    "parameters": mark("parameter"),
    "settings": mark("setting"),
    "code": mark("code"),
    "libraries": mark("library"),
    "files": mark("file"),
    "dependencies": mark("input"),
}
# Of Evaluate's metrics, in the order in which they are shown: what each is, and how it is written.
METRICS = {
    "mae": (mark("Mean error"), "money"),
    "rmse": (mark("Root mean square error"), "money"),
    "median_ape": (mark("Median error"), "share"),
    "mape": (mark("Mean error, as a share"), "share"),
    "within_10_share": (mark("Within 10% of the price"), "share"),
    "r2": (mark("R²"), "number"),
    "interval_coverage": (mark("Prices inside their interval"), "share"),
    "interval_width_share": (mark("Median width of the interval"), "share"),
    "n_train": (mark("Cars learnt from"), "count"),
    "n_test": (mark("Cars that judge"), "count"),
}
_DIGITS, _LONGEST, _SHOWN = 16, 60, 3  # of a digest, of a value, items of a long list


@dataclass(frozen=True)
class Difference:
    """One thing that the recipes of two results of a task do not have in common; `kind` is a part of the recipe."""

    task: str
    kind: str
    what: str
    left: str
    right: str


def list_fates(left: Sequence[Mapping[str, Any]], right: Sequence[Mapping[str, Any]], told: Words) -> pd.DataFrame:
    """Return for two runs what became of each task, and why; many of one stage that fared the same in both in one row.

    Columns: task, left, left_why, right, right_why. A state is "" where a run had no such task.
    """
    sides = [{label_of(task): task for task in tasks} for tasks in (left, right)]
    groups: dict[tuple[str, ...], list[str]] = {}
    for label in dict.fromkeys([*sides[0], *sides[1]]):
        fates = [_tell_fate(side.get(label), told) for side in sides]
        family = (sides[0].get(label) or sides[1][label])["family"]
        groups.setdefault((family, *fates[0], *fates[1]), []).append(label)
    rows = [
        {
            "task": labels[0] if len(labels) == 1 else f"{fate[0]} × {len(labels)}",
            "left": fate[1],
            "left_why": fate[2],
            "right": fate[3],
            "right_why": fate[4],
        }
        for fate, labels in sorted(groups.items(), key=lambda group: running.order_of(group[0][0]))
    ]
    return pd.DataFrame(rows, columns=["task", "left", "left_why", "right", "right_why"])


def sum_seconds(left: Sequence[Mapping[str, Any]], right: Sequence[Mapping[str, Any]], names: tuple[str, str]) -> pd.DataFrame:
    """Return what each of two runs spent on each stage: stage, run (one of `names`), seconds; what was reused took none."""
    families = sorted({task["family"] for task in (*left, *right)}, key=running.order_of)
    rows = [
        {
            "stage": family,
            "run": name,
            "seconds": sum(
                task["seconds"] or 0.0 for task in tasks if task["family"] == family and task["outcome"] in ("built", "failed")
            ),
        }
        for family in families
        for name, tasks in zip(names, (left, right), strict=True)
    ]
    return pd.DataFrame(rows, columns=["stage", "run", "seconds"])


def place_of(tasks: Sequence[Mapping[str, Any]], family: str) -> Path | None:
    """Return where the result of a stage lies that a run built or reused, the last one's of a run over several nights."""
    places = [task["place"] for task in tasks if task["family"] == family and task["place"]]
    return Path(places[-1]) if places else None


def compare_recipes(left: Sequence[Mapping[str, Any]], right: Sequence[Mapping[str, Any]]) -> tuple[list[Difference], list[str]]:
    """Return what differs between the recipes of the tasks that two runs have in common, and the results that are gone."""
    places = {label_of(task): task["place"] for task in right if task["place"]}
    differences: list[Difference] = []
    gone: list[str] = []
    for task in left:
        label = label_of(task)
        if not task["place"] or places.get(label, task["place"]) == task["place"]:
            continue
        both = [reading.read_manifest(place) for place in (task["place"], places[label])]
        gone.extend(place for place, found in zip((task["place"], places[label]), both, strict=True) if found is None)
        if both[0] and both[1]:
            differences.extend(_compare(label, both[0].recipe, both[1].recipe))
    return differences, gone


def label_of(task: Mapping[str, Any]) -> str:
    """Return the name of a task, with its night where a run was asked for several."""
    return str(task.get("label", task["name"]))


def _tell_fate(task: Mapping[str, Any] | None, told: Words) -> tuple[str, str]:
    return (running.state_of(task), running.tell_causes(task, told)) if task else ("", "")


def _compare(label: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> Iterator[Difference]:
    for kind in KINDS:
        sides = [_flatten(kind, recipe) for recipe in (left, right)]
        for what in dict.fromkeys([*sides[0], *sides[1]]):
            old, new = (side.get(what) for side in sides)
            if old != new:
                yield Difference(label, kind, what, *_tell_both(old, new))


def _flatten(kind: str, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part of a recipe as values by their path; of dependencies the digests of each family's files."""
    if kind == "dependencies":
        found: dict[str, list[str]] = {}
        for family, files in recipe.get(kind, ()):
            for name, sha in files.items():
                found.setdefault(f"{family}: {name}", []).append(sha)
        return {what: sorted(digests) for what, digests in found.items()}
    extra = {"python": recipe.get("python"), "format": recipe.get("format")} if kind == "libraries" else {}
    return dict(_walk({**(recipe.get(kind) or {}), **extra}, ""))


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _walk(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _tell_both(old: Any, new: Any) -> tuple[str, str]:
    """Tell two values; of long lists what only one of them has."""
    if isinstance(old, list) and isinstance(new, list):
        first, second = ({_tell(item) for item in items} for items in (old, new))
        if len(old) == len(new) == 1:
            return _tell(old[0]), _tell(new[0])
        return _tell_items(len(old), first - second), _tell_items(len(new), second - first)
    return _tell(old), _tell(new)


def _tell_items(n: int, only_here: set[str]) -> str:
    shown = ", ".join(sorted(only_here)[-_SHOWN:])
    more = f" + {len(only_here) - _SHOWN}" if len(only_here) > _SHOWN else ""
    return f"{n}: {shown}{more}" if shown else str(n)


def _tell(value: Any) -> str:
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    is_digest = len(text) == 64 and set(text) <= set("0123456789abcdef")
    return text[:_DIGITS] if is_digest else text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
