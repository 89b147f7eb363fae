"""Tracing: the results that a result was made from, back to the deliveries, by the sha256 of every file; free of Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from dashboard import reading
from dashboard.reading import Result

GONE = "gone"
_FORMER = "former scores"  # a night's ratings start from them, its estimates do not: they are not followed further
_DIGITS = 16  # of a digest


@dataclass(frozen=True)
class Node:
    """One result of a lineage; of one that is gone only its stage and a file's digest are known. `damage` is "" where it is whole."""

    key: str
    stage: str
    result: Result | None
    damage: str

    @property
    def name(self) -> str:
        """A delivery's name, of another result the night that it is for; "" where it is for none, or is gone."""
        return (self.result.name.partition("/")[2] or self.result.night) if self.result else ""


@dataclass(frozen=True)
class Lineage:
    """Results, the one that was asked for first, and which of them was read for which (key, key)."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]

    def of_stage(self, stage: str) -> list[Node]:
        """Return the nodes of a stage, in the order of their names."""
        return sorted((node for node in self.nodes if node.stage == stage), key=attrgetter("name"))


def trace(start: Result, market: str) -> Lineage:
    """Walk from a result back to the deliveries that it rests on."""
    results = reading.index_results(market)
    by_digest = {sha: result for (_, _, sha), result in results.items()}
    nodes: dict[str, Node] = {start.folder: _see(start)}
    edges: dict[tuple[str, str], None] = {}
    waiting = [start]
    while waiting:
        result = waiting.pop()
        for source, is_followed in _list_sources(result, results, by_digest):
            edges[source.key, result.folder] = None
            if source.key not in nodes and source.result and is_followed:
                waiting.append(source.result)
            nodes.setdefault(source.key, source)
    return Lineage(tuple(nodes.values()), tuple(edges))


def list_mentions(lineage: Lineage, listing_id: str) -> pd.DataFrame:
    """Return the deliveries of a lineage that mention a listing, with the price that each gave: key, delivery, price; the oldest first."""
    rows: list[dict[str, Any]] = []
    for node in lineage.of_stage("Ingest"):
        if node.result:
            rows.extend(
                {"key": node.key, "delivery": node.name, "price": price} for price in read_prices(node.result.folder, listing_id)
            )
    return pd.DataFrame(rows, columns=["key", "delivery", "price"])


def read_prices(folder: str, listing_id: str) -> list[float]:
    """Return the prices that a delivery gave for a listing; none where its rows cannot be read."""
    try:
        found = pq.read_table(
            Path(folder) / "accepted.parquet", columns=["listing_id", "price"], filters=[("listing_id", "==", listing_id)]
        )
    except (OSError, ValueError):  # pyarrow's errors are of these kinds
        return []
    return [float(price) for price in found["price"].to_pylist()]


def list_files(result: Result) -> list[tuple[str, str]]:
    """Return the name of each file of a result with the first digits of its sha256."""
    return [(name, sha[:_DIGITS]) for name, sha in result.files]


def choose_drawn(nodes: Sequence[Node], most: int, wanted: Sequence[str] = ()) -> list[Node]:
    """Choose at most so many of a stage's nodes to draw: the first, those that are wanted, and the newest."""
    if len(nodes) <= most:
        return list(nodes)
    ranked = [nodes[0], *(node for node in reversed(nodes) if node.key in wanted), *reversed(nodes)]
    chosen = {node.key for node in list(dict.fromkeys(ranked))[:most]}
    return [node for node in nodes if node.key in chosen]


def _list_sources(
    result: Result, results: Mapping[tuple[str, str, str], Result], by_digest: Mapping[str, Result]
) -> list[tuple[Node, bool]]:
    """Return what a result read, and whether it is followed further."""
    found: dict[str, tuple[Node, bool]] = {}
    for key in result.made_from:
        node = _find(results.get(key), key[0], key[2])
        found.setdefault(node.key, (node, True))
    for name, sha in result.outside:
        source = by_digest.get(sha)
        if source and source.folder != result.folder:
            node = _see(source)
            found.setdefault(node.key, (node, name != _FORMER))
        elif name == "model":
            node = _find(None, "Train", sha)
            found.setdefault(node.key, (node, True))
    return list(found.values())


def _find(result: Result | None, family: str, sha: str) -> Node:
    return _see(result) if result else Node(f"{family} {sha[:_DIGITS]}", family, None, GONE)


def _see(result: Result) -> Node:
    return Node(result.folder, result.family, result, reading.tell_damage(result.folder))
