"""Luigi's central scheduler as seen from outside: does it answer."""

from __future__ import annotations

import http.client

_PATIENCE_S = 2.0


def answers(host: str, port: int) -> bool:
    """Say whether a server answers there within two seconds; one that hangs does not."""
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", "/api/ping")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()
