"""The ways a message reaches a person: a file, mail by SMTP, and a webhook (Slack, ntfy, or anything that takes JSON).

Addresses of webhooks and passwords are secrets: nothing here says more of them than the host.
"""

from __future__ import annotations

import base64
import contextlib
import http
import http.client
import json
import os
import smtplib
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

from pipeline.services.deadline import within

NONE, STARTTLS, SSL = "none", "starttls", "ssl"
USUAL_PORTS = {NONE: 25, STARTTLS: 587, SSL: 465}
_LONGEST_TEXT = 3_000  # bytes: ntfy takes 4,096 of a message, and 8,192 of a whole body
_CUT = "\n… cut: `python -m pipeline alerts` has it all.\n"


class ChannelFailed(Exception):
    """A channel did not take a message. `is_down`: nothing was said about this message, so that others need not be tried now."""

    def __init__(self, why: str, *, is_down: bool) -> None:
        """Take the reason in words that hold no secret."""
        super().__init__(why)
        self.is_down = is_down


@dataclass(frozen=True)
class Message:
    """What is sent: `id` is the same however often it is sent, `facts` are plain values for programs."""

    id: str
    title: str
    text: str
    written_at: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class Channel(Protocol):
    """A way to send a message."""

    @property
    def where(self) -> str:
        """Where it leads to, without anything secret."""

    def deliver(self, message: Message) -> str:
        """Send the message; return what is worth saying though it was sent ("" for nothing). Raises ChannelFailed."""


@dataclass(frozen=True)
class File:
    """A file that messages are appended to; one that is in it already is not written again."""

    path: Path

    @property
    def where(self) -> str:
        """The file."""
        return self.path.as_posix()

    def deliver(self, message: Message) -> str:
        """Append the message. Its id stands last: an entry that was cut short is not taken for a whole one."""
        ending = f"  id {message.id}\n"
        text = "".join(f"  {line}\n" if line else "\n" for line in message.text.splitlines())
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+", encoding="utf-8", errors="replace") as stream:
                stream.seek(0)
                lines = stream.readlines()
                if ending in lines:
                    return ""
                gap = "\n" if lines and not lines[-1].endswith("\n") else ""
                stream.write(f"{gap}{message.written_at}  {message.title}\n{text}{ending}\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise ChannelFailed(f"cannot be written ({error.strerror})", is_down=True) from None
        return ""


@dataclass(frozen=True)
class Mail:
    """Mail by SMTP. `security` is none, starttls or ssl; the certificate is checked for the last two."""

    to: tuple[str, ...]
    sender: str
    host: str
    port: int
    security: str
    user: str
    password: str = field(repr=False)
    timeout_s: float

    @property
    def where(self) -> str:
        """The server."""
        return f"{self.host}:{self.port}"

    def deliver(self, message: Message) -> str:
        """Send the mail to all; where the server takes it for some and not for others, it counts as sent and that is said."""
        mail = self._write(message)
        # The timeout of a socket is for each answer: a server that drips would keep the night waiting for ever.
        refused = within(3 * self.timeout_s, lambda: self._send(mail), self._late)
        return f"refused for {', '.join(sorted(refused))}" if refused else ""

    def _write(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self.sender, ", ".join(self.to), message.title
        mail["Date"] = format_datetime(datetime.fromisoformat(message.written_at))
        mail["Message-ID"] = f"<{message.id}@{parseaddr(self.sender)[1].rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"  # no holiday reply, please
        mail.set_content(message.text)
        return mail

    def _send(self, mail: EmailMessage) -> list[str]:
        """Return the recipients that were refused. Raises ChannelFailed."""
        try:
            with self._connected() as server:
                return list(server.send_message(mail))
        except smtplib.SMTPRecipientsRefused as error:
            refusal = next(iter(error.recipients.values()))
            raise ChannelFailed(f"refused for every recipient: {self._quote(*refusal)}", is_down=False) from None
        except smtplib.SMTPResponseException as error:
            is_about_this = isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPDataError)
            reason = self._quote(error.smtp_code, error.smtp_error)
            raise ChannelFailed(f"refused: {reason}", is_down=not is_about_this) from None
        except smtplib.SMTPNotSupportedError:
            raise ChannelFailed("the server does not offer what smtp_security or smtp_user asks for", is_down=True) from None
        except smtplib.SMTPException as error:
            cause = error.__context__  # smtplib takes a server that says nothing for one that broke off
            why = _explain(cause) if isinstance(cause, OSError) else f"the server broke off ({type(error).__name__})"
            raise ChannelFailed(why, is_down=True) from None
        except OSError as error:
            raise ChannelFailed(_explain(error), is_down=True) from None

    @contextlib.contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        if self.security == SSL:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=self.timeout_s, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self.timeout_s)
        with server:
            if self.security == STARTTLS:
                server.starttls(context=ssl.create_default_context())
            if self.user:
                server.login(self.user, self.password)
            yield server

    def _quote(self, code: int, answer: bytes | str) -> str:
        text = answer.decode("ascii", "replace") if isinstance(answer, bytes) else answer
        hidden = text.replace(self.password, "…") if self.password else text
        return f"{code} {_printable(hidden)}"

    def _late(self) -> ChannelFailed:
        return ChannelFailed(f"no end after {3 * self.timeout_s:g} s", is_down=True)


@dataclass(frozen=True)
class Webhook:
    """An address that takes JSON by POST: Slack reads `text`, ntfy `topic`, `title` and `message`, other programs what they like."""

    url: str = field(repr=False)
    topic: str
    timeout_s: float

    @property
    def where(self) -> str:
        """The host: the rest of the address is a secret."""
        return urlsplit(self.url).hostname or ""

    def deliver(self, message: Message) -> str:
        """Post the message; any answer but 2xx is a failure, a redirect too, which would drop the body."""
        address, authorization = _split_login(self.url)
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "car-price-pipeline", **authorization}
        body = json.dumps(self._compose(message), ensure_ascii=False).encode()
        within(3 * self.timeout_s, lambda: self._post(address, body, headers), self._late)
        return ""

    def _compose(self, message: Message) -> dict[str, Any]:
        text = _cut(message.text)
        if self.topic:  # ntfy refuses a body that is much longer than a message may be
            return {"topic": self.topic, "title": message.title, "message": text}
        told = _escape_slack(f"*{message.title}*\n\n{text}")
        return {**message.facts, "id": message.id, "title": message.title, "message": text, "text": told}

    def _post(self, address: str, body: bytes, headers: dict[str, str]) -> None:
        try:
            request = urllib.request.Request(address, data=body, headers=headers, method="POST")  # noqa: S310  # http(s), by check_url
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=self.timeout_s):
                return
        except urllib.error.HTTPError as error:
            error.close()
            raise ChannelFailed(_tell_status(error.code), is_down=error.code >= 500 or error.code == 429) from None
        except urllib.error.URLError as error:
            why = _explain(error.reason) if isinstance(error.reason, OSError) else "it cannot be reached"
            raise ChannelFailed(why, is_down=True) from None
        except OSError as error:
            raise ChannelFailed(_explain(error), is_down=True) from None
        except (http.client.HTTPException, ValueError) as error:  # their words may hold the address
            raise ChannelFailed(f"no answer that is HTTP ({type(error).__name__})", is_down=True) from None

    def _late(self) -> ChannelFailed:
        return ChannelFailed(f"no end after {3 * self.timeout_s:g} s", is_down=True)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: urllib would ask for the new address without the message, and call the answer a success."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> None:
        """Go nowhere."""


def _split_login(url: str) -> tuple[str, dict[str, str]]:
    """Return the address without user and password, and the header that says them instead."""
    parts = urlsplit(url)
    if parts.username is None:
        return url, {}
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return bare, {"Authorization": f"Basic {base64.b64encode(login).decode()}"}


def _escape_slack(text: str) -> str:
    """Keep what came from a delivery from being read as a link or as a call to everybody in the channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str) -> str:
    content = text.encode()
    return text if len(content) <= _LONGEST_TEXT else content[:_LONGEST_TEXT].decode(errors="ignore") + _CUT


def _tell_status(code: int) -> str:
    """Return an answer in words of ours: those of the server may repeat the address."""
    phrase = http.HTTPStatus(code).phrase if code in set(http.HTTPStatus) else ""
    more = "; name the address that it leads to" if 300 <= code < 400 else ""
    return f"answered {code} {phrase}".rstrip() + more


def _explain(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "there is no such host, or no name server answers"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"no secure connection ({error.reason})"
    return error.strerror or type(error).__name__


def _printable(text: str) -> str:
    line = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:200]
