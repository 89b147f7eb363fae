"""Whatever a market's TOML says, it is a market or refused with its path: never anything else."""

import json
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import MarketInvalid, MarketUnknown
from pipeline.market import Column, Demands, Files, Identity, LargeUnit, Market, Rows, Rule
from pipeline.market_files import load_market

TABLES = {
    "": (Market,),
    "files": (Files,),
    "rows": (Rows,),
    "check": (Demands,),
    "identity": (Identity,),
    "columns.foo": (Column, LargeUnit),
    "columns.price": (Column, LargeUnit),
    "columns.fuel": (Column, LargeUnit),
    "reject": (Rule,),
}
words = st.sampled_from(
    ("", "utf-8", "rot13", "%Q", "(", "(a)", "price", "fuel", "km", "range", "number", "sample", "EUR", "a.b", "é\0")
)
scalars = st.booleans() | st.integers(-3, 2000) | st.floats() | st.dates() | words | st.text(max_size=3)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=2), max_leaves=4
)


def write(value: Any) -> str:
    """Write a value as TOML does within a line."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{json.dumps(key)} = {write(inner)}' for key, inner in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(write, value))}]"
    if isinstance(value, str):
        return json.dumps(value)
    return value.isoformat() if isinstance(value, date) else str(value).lower()


@st.composite
def documents(draw: st.DrawFn) -> str:
    tables: dict[str, dict[str, Any]] = {"": {"title": "T", "currency": "EUR"}}
    for name in ("price", "make", "model", "year"):
        tables[f"columns.{name}"] = {"headers": [name]}
    for table in draw(st.lists(st.sampled_from(list(TABLES)), max_size=2)):
        keys = [key for kind in TABLES[table] for key in kind.__struct_fields__ if key != "columns"]
        tables.setdefault(table, {})[draw(st.sampled_from([*keys, "like", "other"]))] = draw(values)
    lines = []
    for table, entries in tables.items():
        lines += [f"[[{table}]]" if table == "reject" else f"[{table}]"] if table else []
        lines += [f"{key} = {write(value)}" for key, value in entries.items()]
    return "\n".join(lines)


@given(documents())
def test_any_document_is_a_market_or_refused_with_its_place(document):
    with TemporaryDirectory() as folder:
        (Path(folder) / "drawn.toml").write_text(document, encoding="utf-8", errors="replace")
        refusal = f"{folder}/drawn.toml"
        try:
            load_market("drawn", (Path(folder),))
        except (MarketInvalid, MarketUnknown) as error:
            refusal = str(error)
    assert f"{folder}/drawn.toml" in refusal or ("There is no market" in refusal and "like" in document)
    assert "Expected `" not in refusal
