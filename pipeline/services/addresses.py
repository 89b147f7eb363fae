"""Addresses of web servers, as settings give them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_UNSAFE = set("\"'<>\\`")  # what would end a link on a page


def is_web_address(text: str) -> bool:
    """Say whether a text is an http(s) address with a host, in characters that can be sent and shown as they are."""
    try:
        parts = urlsplit(text)
        has_port = parts.port is None or parts.port > 0
    except ValueError:  # a port that is none, an open bracket
        return False
    is_plain = re.fullmatch(r"[!-~]+", text) is not None and not set(text) & _UNSAFE
    return parts.scheme in ("http", "https") and bool(parts.hostname) and has_port and is_plain
