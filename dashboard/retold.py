"""Sentences that the pipeline wrote in English, as patterns by which they are told in another language."""

from __future__ import annotations

import re
from functools import cache


def mark(text: str) -> str:
    """Return a text that is translated where it is shown."""
    return text


# `{name}` stands for whatever the pipeline put there. The first that fits is meant.
RETOLD: tuple[str, ...] = (
    mark("{name} is missing"),
    mark("year {year} is after {newest}, the newest seen"),
    mark("year {year} is before {oldest}, the oldest seen"),
)


@cache
def find_pattern(template: str) -> re.Pattern[str]:
    """Return what matches the sentences of a template; a name that comes twice stands for the same words."""
    seen: set[str] = set()
    parts = re.split(r"\{(\w+)\}", template)
    pattern = ""
    for place, part in enumerate(parts):
        if place % 2 == 0:
            pattern += re.escape(part)
        else:
            pattern += f"(?P={part})" if part in seen else f"(?P<{part}>.+?)"
            seen.add(part)
    return re.compile(pattern, re.DOTALL)
