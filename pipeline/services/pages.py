"""The page of a report: one HTML file that needs nothing else, and says nothing that is not in the report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from pipeline.services import charts

_MINUS = "−"
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_UNITS = ("km", "hp", "l", "cv")
_NAMES = {
    "median_make_model_year": "median of make, model and year",
    "original_recipe": "the original system's recipe",
    "mae": "mean error",
    "median_ape": "median error",
}


def template_path() -> Path:
    """Return where the template lies: what its bytes are decides what a page looks like, as much as any code."""
    return Path(__file__).with_name("report.html")


def render_report(report: Mapping[str, Any]) -> str:
    """Return the page of `pipeline.stages.report.make_report`; whatever adverts and files say is escaped."""
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
    )
    environment.filters |= {
        "count": write_count,
        "money": lambda amount: f"{write_count(amount)} {report['currency']}",
        "share": write_share,
        "signed": write_signed,
        "short": write_short,
        "label": write_label,
        "plural": write_plural,
        "dates": keep_dates,
        "points": lambda points: f"{points:.1f}".replace("-", _MINUS),
        "first_two": lambda point: point[:2],
        "residual": lambda point: (point[1], point[0] / point[1]),
    }
    environment.globals["charts"] = charts
    return environment.from_string(template_path().read_text(encoding="utf-8")).render(report)


def write_count(number: float) -> str:
    """Write a whole number in groups: 12,340."""
    return f"{number:,.0f}".replace("-", _MINUS)


def write_share(share: float, digits: int = 1) -> str:
    """Write a share as per cent."""
    return f"{share:.{digits}%}".replace("-", _MINUS)


def write_signed(share: float, digits: int = 0) -> str:
    """Write a share as per cent with its sign; what rounds to nothing has none."""
    text = f"{share:+.{digits}%}"
    return (text[1:] if float(text[1:-1]) == 0 else text).replace("-", _MINUS)


def write_short(amount: float) -> str:
    """Write an amount for an axis: 500, 20k, 1.5M."""
    for factor, unit in ((1e6, "M"), (1e3, "k")):
        if amount >= factor:
            return f"{amount / factor:g}{unit}"
    return f"{amount:g}"


def write_label(name: str) -> str:
    """Write a column's or a measure's name for a person: mileage_km is "mileage (km)"."""
    if name in _NAMES:
        return _NAMES[name]
    stem, _, unit = name.rpartition("_")
    return f"{stem.replace('_', ' ')} ({unit})" if stem and unit in _UNITS else name.replace("_", " ")


def keep_dates(text: str) -> Markup:
    """Escape a text, and keep its ISO dates from being broken over two lines."""
    escaped = str(escape(text))
    return Markup(_DATE.sub(r'<span class="nb">\g<0></span>', escaped))  # noqa: S704


def write_plural(number: int, one: str, many: str) -> str:
    """Write how many there are."""
    return f"{number:,} {one if number == 1 else many}"
