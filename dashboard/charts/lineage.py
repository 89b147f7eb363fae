"""Lineage: the graph from the deliveries to a price, in the language of Graphviz."""

from __future__ import annotations

from collections.abc import Collection

from dashboard.charts.frame import BLUE, GREY, ORANGE, SKY, VERMILION
from dashboard.tracing import Lineage, Node, choose_drawn
from dashboard.words import Words

MOST_DRAWN = 8  # nodes of one stage
_MORE = "more"
_DIGITS, _LONGEST = 16, 34


def draw_lineage(lineage: Lineage, marked: Collection[str], words: Words, *, is_dark: bool) -> str:
    """Return the graph, its sources on the left; results with a key in `marked` stand out, damaged and lost ones too."""
    ink, border = ("#FAFAFA", SKY) if is_dark else ("#262730", BLUE)
    drawn = choose_drawn(lineage.of_stage("Ingest"), MOST_DRAWN, list(marked))
    shown = [*(node for node in lineage.nodes if node.stage != "Ingest"), *drawn]
    keys = {node.key for node in shown}
    n_more = len(lineage.nodes) - len(shown)
    # Without a word: a graph that reads the same in every language is not laid out again when another is chosen.
    more = [f'"{_MORE}" [label="… +{n_more}", style=dashed, color="{GREY}"];'] if n_more else []
    edges = sorted({(source if source in keys else _MORE, target) for source, target in lineage.edges if target in keys})
    return "\n".join(
        [
            "digraph {",
            'rankdir=LR; bgcolor="transparent"; nodesep=0.12; ranksep=0.45; pad=0.05;',
            f'node [shape=box, style=rounded, fontname="sans-serif", fontsize=12, fontcolor="{ink}", color="{border}", height=0.45];',
            f'edge [color="{GREY}", arrowsize=0.6];',
            *(_draw_node(node, words, is_first=node is lineage.nodes[0], is_marked=node.key in marked) for node in shown),
            *more,
            *(f"{_name(source)} -> {_name(target)};" for source, target in edges),
            "}",
        ]
    )


def _draw_node(node: Node, words: Words, *, is_first: bool, is_marked: bool) -> str:
    title = _shorten(node.name) if node.stage == "Ingest" and node.name else f"{node.stage} {node.name}".strip()
    digest = node.result.fingerprint[:_DIGITS] if node.result else ""
    state = words.say("gone") if node.result is None else words.say("result damaged") if node.damage else ""
    label = "\\n".join(_escape(text) for text in (title, digest, state) if text)
    looks = [f'label="{label}"', *(["penwidth=3"] if is_first or is_marked else [])]
    if node.damage:
        looks.extend([f'color="{VERMILION}"', 'style="rounded,dashed"'])
    elif is_marked:
        looks.append(f'color="{ORANGE}"')
    return f"{_name(node.key)} [{', '.join(looks)}];"


def _name(key: str) -> str:
    return f'"{_escape(key)}"'


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"…{text[1 - _LONGEST :]}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
