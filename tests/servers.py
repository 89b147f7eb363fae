"""Real servers on loopback that alerts are sent to: mail, web, one that never answers, one that never ends."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope


class MailServer:
    """An SMTP server that keeps what it takes; `answer` is what it says to a message, `refuses` whom it does not know."""

    def __init__(self, login: tuple[str, str] | None = None, tls: ssl.SSLContext | None = None, *, at_once: bool = False) -> None:
        self.envelopes: list[Envelope] = []
        self.answer = "250 OK"
        self.refuses: set[str] = set()
        self._login = login
        more: dict[str, Any] = {"ssl_context": tls} if at_once else {"tls_context": tls, "require_starttls": tls is not None}
        if login:
            more |= {"authenticator": self._authenticate, "auth_require_tls": False}
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port(), **more)

    @property
    def port(self) -> int:
        return self.controller.port

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        if address in self.refuses:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        if self._login and not session.authenticated:
            return "530 5.7.0 log in first"
        if self.answer.startswith("250"):
            self.envelopes.append(envelope)
        return self.answer

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login.decode(), data.password.decode()) == self._login, handled=False)


class WebServer(ThreadingHTTPServer):
    """An HTTP server that keeps each body it gets with its path; `status` is what it answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Keep)
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def bodies(self) -> list[Any]:
        return [body for _, _, body in self.requests]


class _Keep(BaseHTTPRequestHandler):
    server: WebServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}, json.loads(body)))
        self.send_response(self.server.status, f"cannot POST {self.path}")
        if 300 <= self.server.status < 400:
            self.send_header("Location", f"{self.server.url}/elsewhere")
        self.end_headers()

    def do_GET(self) -> None:
        self.server.requests.append((self.path, {}, None))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        pass


@contextlib.contextmanager
def mail_server(*arguments: Any, **more: Any) -> Iterator[MailServer]:
    server = MailServer(*arguments, **more)
    server.controller.start()
    try:
        yield server
    finally:
        server.controller.stop()


@contextlib.contextmanager
def web_server() -> Iterator[WebServer]:
    with WebServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def silent_server(says: bytes = b"") -> Iterator[int]:
    """Yield the port of a server that says the same bytes for ever, every 20 ms, or nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def serve() -> None:
            connections = []
            server.settimeout(0.02)
            while not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    connections.append(server.accept()[0])
                for connection in connections if says else ():
                    with contextlib.suppress(OSError):
                        connection.sendall(says)
                time.sleep(0.01)
            for connection in connections:
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            ended.set()
            thread.join()


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
