"""Hostile inputs: valid ones that were cut, flipped, swapped, stretched and filled with what readers stumble over."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

OUTSIDE = "outside/secret.csv"  # beside the folder that a reader may look into
NUMBERS = (
    *("0", "-0", "-1", "1e999", "-1e999", "1e-999", "nan", "inf", "-inf", "NaN", "0x10", "1_000", "1,000,000.00", "1.234.567,89"),
    *("9" * 20, "9" * 400, "9" * 5000, "1" + "0" * 308, "٣٤٥", "１２３", "۱۲۳", "²", "½", "1\u202f000", "1\u00a0000", "1 2 3"),
    *("9223372036854775808", "-9223372036854775809", "0.1e1", "1e5", ".", "+", "1" * 310 + ".5", "Ⅷ", "1e", "--1"),
)
DATES = ("0000-00-00", "0001-01-01", "9999-12-31", "10000-01-01", "2024-02-30", "2024-13-01", "29.02.2023", "2024-W01-1", "NaT")
TEXTS = (
    *(
        "",
        " ",
        "\0",
        "\ufeff",
        "\u202eevil",
        "\u2066\u2069",
        "\u200d",
        "\u200b",
        "e\u0301",
        "İ",
        "ß",
        "ﬁ",
        "\U0010ffff",
        "👨‍👩‍👧",
    ),
    *("\r", "\n", "\r\n", "\x0b", "\x0c", "\x1c", "\x1f", "\x03", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u2029"),
    *('"', '""', '"""', "'", "\\", "\\x00", "%s%n", "%(x)s", "{0}", "${HOME}", "$(id)", "`id`", "; rm -rf /", "--", "-", "="),
    *('=HYPERLINK("http://192.0.2.1")', "+cmd|' /C calc'!A0", "@SUM(A1)", "-2+3+cmd|' /C calc'!A0", "\t=1+1"),
    *(
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "]]>",
        "<!--",
        "&lt;",
        "{{7*7}}",
        "{% raw %}",
        "javascript:alert(1)",
    ),
    *(
        "../" * 8 + "etc/passwd",
        f"../{OUTSIDE}",
        "/etc/passwd",
        "/dev/zero",
        "..",
        ".",
        "a/../../b",
        "~root",
        "file:///etc/passwd",
    ),
    *("None", "null", "true", "__class__", "constructor", "x" * 70_000, "é" * 9_000, "," * 3000, "[" * 3000, "{" * 3000),
)
WORDS = (*NUMBERS, *DATES, *TEXTS)
_SURROGATE = b"\xed\xa0\x80"
_CHUNKS = (
    *(b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1f\x8b", b"PK\x03\x04", b"PAR1", b"\x80\x04\x95", b"\xc3", b"\xe9", _SURROGATE),
    *(b'"', b"\n", b"\r", b",", b";", b"\t", b"=", b"[", b"]", b"{", b"}", b"#", b"'"),
)

words = st.sampled_from(WORDS) | st.text(max_size=20)
numbers = st.sampled_from(NUMBERS)
file_names = st.sampled_from(
    ("cars.csv", "2024-01-01.csv", "a.csv.gz", "../x.csv", "..", "C:\\x.csv", "x" * 300 + ".csv", "", "\n.csv")
)


@st.composite
def spoilt_bytes(draw: st.DrawFn, valid: bytes, most: int = 4) -> bytes:
    """Draw valid bytes with a few of them flipped, cut out, doubled or replaced."""
    content = bytearray(valid)
    for _ in range(draw(st.integers(1, most))):
        size = len(content)
        first, second = sorted((draw(st.integers(0, size)), draw(st.integers(0, size))))
        match draw(st.sampled_from(("flip", "cut", "drop", "double", "insert", "word"))):
            case "flip" if size:
                content[min(first, size - 1)] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del content[second:]
            case "drop":
                del content[first : min(second, first + 200)]
            case "double":
                content[first:first] = content[first : min(second, first + 2000)]
            case "insert":
                content[first:first] = draw(st.sampled_from(_CHUNKS) | st.binary(max_size=8))
            case _:
                content[first:first] = draw(words).encode("utf-8", "surrogatepass")
    return bytes(content)


@st.composite
def spoilt_table(draw: st.DrawFn, valid: str, separators: str = ",;\t|") -> bytes:
    """Draw a table some of whose cells, headers, rows, separators, quotes or encodings are not what they were."""
    separator = draw(st.sampled_from(separators)) if draw(st.integers(0, 9)) == 0 else ","
    rows = [line.split(",") for line in valid.splitlines()]
    for _ in range(draw(st.integers(0, 6))):
        row = rows[draw(st.integers(0, len(rows) - 1))]
        place = draw(st.integers(0, max(len(row) - 1, 0)))
        match draw(st.sampled_from(("cell", "cell", "cell", "quoted", "swap", "wider", "narrower", "again", "blank"))):
            case "cell" if row:
                row[place] = draw(words)
            case "quoted" if row:
                row[place] = '"' + draw(words).replace('"', '""') + '"'
            case "swap" if row:
                row[0], row[place] = row[place], row[0]
            case "wider":
                row.insert(place, draw(words))
            case "narrower" if row:
                del row[place]
            case "again":
                rows.insert(draw(st.integers(0, len(rows))), list(row))
            case _:
                rows.insert(draw(st.integers(0, len(rows))), [])
    text = draw(st.sampled_from(("\n", "\n", "\r\n", "\r"))).join(separator.join(row) for row in rows)
    encoding = draw(st.sampled_from(("utf-8", "utf-8", "utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-32", "cp1252")))
    return text.encode(encoding, "surrogatepass" if encoding == "utf-8" else "replace")


def tables(valid: str) -> st.SearchStrategy[bytes]:
    """Draw a table's bytes: spoilt by cell or by byte, packed or not, and packed ones spoilt again."""
    content = st.one_of(spoilt_table(valid), spoilt_table(valid), spoilt_bytes(valid.encode()), st.binary(max_size=300))
    packed = content.map(lambda plain: gzip.compress(plain, mtime=0))
    return st.one_of(content, content, content, packed, spoilt_bytes(gzip.compress(valid.encode(), mtime=0)))


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
_DEEP = ("[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000, "[" * 900 + "]" * 900)


@st.composite
def spoilt_document(draw: st.DrawFn, valid: Any) -> bytes:
    """Draw a JSON document in which values are others, keys are gone, or renamed; as text it may be broken too."""
    document = json.loads(json.dumps(valid))
    for _ in range(draw(st.integers(0, 3))):
        document = _change(document, draw)
    match draw(st.integers(0, 9)):
        case 0:
            return draw(spoilt_bytes(json.dumps(document).encode()))
        case 1:
            return _replace_number(json.dumps(document), draw).encode("utf-8", "surrogatepass")
        case 2 if draw(st.booleans()):
            return draw(st.sampled_from(_DEEP)).encode()
    return json.dumps(document, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


def _change(node: Any, draw: st.DrawFn) -> Any:
    """Change one value somewhere below: each step down is drawn."""
    if isinstance(node, dict) and node and draw(st.integers(0, 9)):
        key = draw(st.sampled_from(sorted(node)))
        if draw(st.integers(0, 5)) == 0:
            rest = {name: value for name, value in node.items() if name != key}
            return rest | ({draw(words): node[key]} if draw(st.booleans()) else {})
        return {**node, key: _change(node[key], draw)}
    if isinstance(node, list) and node and draw(st.integers(0, 9)):
        place = draw(st.integers(0, len(node) - 1))
        return [*node[:place], _change(node[place], draw), *node[place + 1 :]]
    return draw(values)


def _replace_number(text: str, draw: st.DrawFn) -> str:
    found = list(re.finditer(r"(?<![\w.\"-])-?\d+(\.\d+)?(?![\w.\"])", text))
    if not found:
        return text
    one = draw(st.sampled_from(found))
    return text[: one.start()] + draw(numbers | st.just("[" * 100_000)) + text[one.end() :]


@st.composite
def spoilt_lines(draw: st.DrawFn, valid: str, more: Callable[[str], str] = str) -> bytes:
    """Draw a text of settings in which values, keys and lines are others; `more` writes a drawn word as a value."""
    lines = valid.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(lines) - 1))
        key, sign, value = lines[place].partition("=")
        match draw(st.sampled_from(("value", "value", "value", "key", "drop", "swap", "again", "inner"))):
            case "value":
                lines[place] = f"{key}= {more(draw(words))}" if sign else lines[place]
            case "key":
                lines[place] = f"{draw(words)} {sign}{value}"
            case "drop" if len(lines) > 1:
                del lines[place]
            case "swap":
                other = draw(st.integers(0, len(lines) - 1))
                lines[place], lines[other] = lines[other], lines[place]
            case "again":
                lines.insert(draw(st.integers(0, len(lines))), lines[place])
            case _:
                inner = re.sub(r"[\w.]+", lambda found: found[0] if draw(st.integers(0, 3)) else draw(words), value, count=6)
                lines[place] = f"{key}{sign}{inner}"
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    return draw(spoilt_bytes(content, 2)) if draw(st.integers(0, 9)) == 0 else content


def write_toml(word: str) -> str:
    """Write a word as a TOML value: text, or what it may be by itself, or deep in lists."""
    deep = {"..": "[" * 5000 + "]" * 5000, ".": "{a=" * 3000 + "1" + "}" * 3000, "=": "a." * 3000 + "a"}
    if word in deep:
        return deep[word]
    return word if word in NUMBERS or word in DATES else json.dumps(word)
