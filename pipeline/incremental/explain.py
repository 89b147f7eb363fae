"""Why a task will run, before it does: a reason from a closed list, and the very thing that differs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Reason = Literal[
    "first run", "input changed", "parameter changed", "code changed", "library changed", "damaged", "forced", "upstream"
]
Outlook = Literal["runs", "may run", "reused"]
_SHOWN = 3  # differences of one kind that are named
_WIDTH = 40  # characters of a value in a difference


@dataclass(frozen=True)
class Cause:
    """One reason and what it is about."""

    reason: Reason
    detail: str = ""

    def __str__(self) -> str:
        """Write both."""
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


@dataclass(frozen=True)
class Verdict:
    """What will become of one task. `seconds` is what its result, or the one before it, took to build."""

    name: str
    family: str
    outlook: Outlook
    causes: tuple[Cause, ...] = ()
    seconds: float = 0.0
    place: str = ""
    needs: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Write the outlook with its causes."""
        return f"{self.outlook}, {'; '.join(map(str, self.causes))}" if self.causes else self.outlook


@dataclass(frozen=True)
class Plan:
    """The verdicts on a task and all that it rests on, dependencies first."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)

    def of(self, outlook: Outlook) -> list[Verdict]:
        """Return the verdicts of one outlook."""
        return [verdict for verdict in self.verdicts.values() if verdict.outlook == outlook]

    @property
    def saved_s(self) -> float:
        """Seconds that reuse saves: what the reused results took to build."""
        return sum(verdict.seconds for verdict in self.of("reused"))

    def lines(self) -> list[str]:
        """Return a line for each task that runs or may run, and one for all that are reused."""
        told = [f"{verdict.name}: {verdict}" for verdict in self.verdicts.values() if verdict.outlook != "reused"]
        reused = self.of("reused")
        if reused:
            told.append(f"reused: {name_families(reused)}; that saves {self.saved_s:.1f} s")
        return told

    def tree(self) -> list[str]:
        """Return the tasks as a tree from the root, each once, reused siblings of one family on one line."""
        root = next(reversed(self.verdicts.values()), None)
        return list(self._branch(root, "", "", set())) if root else []

    def _branch(self, verdict: Verdict, first: str, rest: str, seen: set[str]) -> Iterator[str]:
        again = verdict.name in seen
        seen.add(verdict.name)
        yield f"{first}{verdict.name}  {'(above)' if again else verdict}"
        groups = [] if again else self._group(verdict)
        for place, group in enumerate(groups):
            is_last = place == len(groups) - 1
            bend, bar = ("└─ ", "   ") if is_last else ("├─ ", "│  ")
            if len(group) == 1:
                yield from self._branch(group[0], rest + bend, rest + bar, seen)
            else:
                yield f"{rest}{bend}{len(group)} {group[0].family}  reused"

    def _group(self, verdict: Verdict) -> list[list[Verdict]]:
        """Group the dependencies: the reused leaves of one family together, every other one alone."""
        groups: list[list[Verdict]] = []
        leaves: dict[str, list[Verdict]] = {}
        for needed in (self.verdicts[name] for name in verdict.needs):
            if needed.outlook == "reused" and not needed.needs:
                if needed.family not in leaves:
                    groups.append(leaves.setdefault(needed.family, []))
                leaves[needed.family].append(needed)
            else:
                groups.append([needed])
        return groups


def name_families(verdicts: Sequence[Verdict]) -> str:
    """Count tasks by family: "84 Ingest, Check, Clean"."""
    counts: dict[str, int] = {}
    for verdict in verdicts:
        counts[verdict.family] = counts.get(verdict.family, 0) + 1
    return ", ".join(family if count == 1 else f"{count} {family}" for family, count in counts.items())


def compare(before: Mapping[str, Any], now: Mapping[str, Any], needs: Sequence[str]) -> list[Cause]:
    """Say why the recipe `now` differs from the one `before`; `needs` names today's dependencies in their order.

    Dependencies are compared where `now` has them.
    """
    causes = [
        *_differences("input changed", before.get("files"), now["files"]),
        *_differences("input changed", before.get("settings"), now["settings"]),
        *_differences("parameter changed", before.get("parameters"), now["parameters"]),
        *_differences("code changed", before.get("code"), now["code"], shows_values=False),
        *_differences("library changed", before.get("libraries"), now["libraries"]),
    ]
    for key in ("python", "format"):
        if before.get(key) != now[key]:
            causes.append(Cause("library changed", f"{key} {before.get(key)} → {now[key]}"))
    if "dependencies" in now:
        causes.extend(_dependency_causes(before.get("dependencies", []), now["dependencies"], needs))
    return causes


def _differences(reason: Reason, before: Any, now: Any, *, shows_values: bool = True) -> list[Cause]:
    found = list(_walk(before, now, ""))
    if not found:
        return []
    named = [f"{path or 'value'}{_change(old, new) if shows_values else ''}" for path, old, new in found[:_SHOWN]]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return [Cause(reason, ", ".join(named) + more)]


def _change(old: Any, new: Any) -> str:
    """Tell what differs between two values: of long lists the items that came and went."""
    if not (_is_plain(old) and _is_plain(new)):
        return ""
    if isinstance(old, list) and isinstance(new, list) and max(len(_text(old)), len(_text(new))) > _WIDTH:
        before, now = (Counter(map(_text, items)) for items in (old, new))
        moves = [
            *(f"+ {_short(item)}" for item in (now - before).elements()),
            *(f"− {_short(item)}" for item in (before - now).elements()),
        ]
        more = f" and {len(moves) - _SHOWN} more" if len(moves) > _SHOWN else ""
        return f": {', '.join(moves[:_SHOWN])}{more}" if moves else ": another order"
    return f" {_short(old)} → {_short(new)}"


def _walk(before: Any, now: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in sorted(before.keys() | now.keys()):
            yield from _walk(before.get(key), now.get(key), f"{path}.{key}" if path else str(key))
    elif json.dumps(before, sort_keys=True) != json.dumps(now, sort_keys=True):
        yield path, before, now


def _dependency_causes(before: Sequence[Any], now: Sequence[Any], needs: Sequence[str]) -> list[Cause]:
    old = [json.dumps(entry, sort_keys=True) for entry in before]
    new = [json.dumps(entry, sort_keys=True) for entry in now]
    if old == new:
        return []
    changed = [name for name, entry in zip(needs, new, strict=True) if entry not in old]
    gone = sum(entry not in new for entry in old)
    if changed:
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        return [Cause("input changed", f"output of {', '.join(changed[:_SHOWN])}{more}")]
    return [Cause("input changed", f"{gone} fewer outputs to read" if gone else "order of outputs to read")]


def _is_plain(value: Any) -> bool:
    return not isinstance(value, str) or len(value) < 64  # a digest says nothing to a person


def _short(value: Any) -> str:
    text = _text(value)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def _text(value: Any) -> str:
    return "nothing" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
