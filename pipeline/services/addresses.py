"""Addresses of servers, as settings give them."""

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


def is_scheduler_address(text: str) -> bool:
    """Say whether a text is tcp:// or tls:// with a host and a port, and nothing else."""
    try:
        parts = urlsplit(text)
        has_port = bool(parts.port)
    except ValueError:
        return False
    host = parts.hostname or ""
    is_plain = re.fullmatch(r"[!-~]+", text) is not None and text in (
        f"{parts.scheme}://{parts.netloc}",
        f"{parts.scheme}://{parts.netloc}/",
    )
    return parts.scheme in ("tcp", "tls") and bool(host) and has_port and is_plain and "@" not in parts.netloc
