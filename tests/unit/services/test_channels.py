"""What reaches real servers on loopback, and what is said when they do not take it."""

from __future__ import annotations

import email
import shutil
import ssl
import subprocess
import time
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from pipeline.services.addresses import is_web_address
from pipeline.services.channels import NONE, SSL, STARTTLS, ChannelFailed, File, Mail, Message, Webhook
from tests.servers import free_port, mail_server, silent_server, web_server

MESSAGE = Message(
    "2024-01-05-0123456789abcdef",
    "Car prices 2024-01-05: 1 new (kijiji_ca)",
    "kijiji_ca\n\nNew: 3 deliveries of <!channel> & co – 12 000 $.\n",
    "2024-01-05T02:20:00+00:00",
    {"market": "kijiji_ca", "night": "2024-01-05", "incidents": [{"kind": "freshness"}]},
)
SECRET = "s3cret-T0KEN"
NEEDS_OPENSSL = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")


def mail(port: int, **changes: Any) -> Mail:
    settings = {
        "to": ("ann@example.org", "Bob <bob@example.org>"),
        "sender": "cars@example.org",
        "host": "127.0.0.1",
        "port": port,
        "security": NONE,
        "user": "",
        "password": "",
        "timeout_s": 2.0,
    }
    return Mail(**{**settings, **changes})


def webhook(url: str, topic: str = "", timeout_s: float = 2.0) -> Webhook:
    return Webhook(url, topic, timeout_s)


def fail(channel: Any) -> ChannelFailed:
    with pytest.raises(ChannelFailed) as caught:
        channel.deliver(MESSAGE)
    assert SECRET not in f"{caught.value!r} {caught.value} {channel!r} {channel.where}"
    assert caught.value.__suppress_context__
    return caught.value


def test_a_mail_arrives_with_a_subject_a_date_and_an_id_that_stays() -> None:
    with mail_server() as server:
        for _ in range(2):
            assert mail(server.port).deliver(MESSAGE) == ""
    first, second = (email.message_from_bytes(envelope.content, policy=default) for envelope in server.envelopes)
    assert server.envelopes[0].rcpt_tos == ["ann@example.org", "bob@example.org"]
    assert first["Subject"] == MESSAGE.title
    assert first["Date"].datetime.isoformat() == MESSAGE.written_at
    assert first["Message-ID"] == second["Message-ID"] == "<2024-01-05-0123456789abcdef@example.org>"
    assert first.get_content().replace("\r\n", "\n") == MESSAGE.text


def test_a_mail_that_some_do_not_get_counts_as_sent_and_says_whom_it_missed() -> None:
    with mail_server() as server:
        server.refuses = {"bob@example.org"}
        assert mail(server.port).deliver(MESSAGE) == "refused for bob@example.org"
        server.refuses |= {"ann@example.org"}
        error = fail(mail(server.port))
    assert str(error) == "refused for every recipient: 550 5.1.1 no such user"
    assert not error.is_down


def test_a_mail_that_the_server_does_not_want_fails_for_this_message_alone() -> None:
    with mail_server() as server:
        server.answer = "550 5.7.1 looks like\x07 spam"
        error = fail(mail(server.port))
    assert str(error) == "refused: 550 5.7.1 looks like? spam"
    assert not error.is_down


def test_a_user_logs_in_and_a_wrong_password_is_not_repeated() -> None:
    with mail_server(("ann", SECRET)) as server:
        assert mail(server.port, user="ann", password=SECRET).deliver(MESSAGE) == ""
        error = fail(mail(server.port, user="ann", password=SECRET + "x"))
    assert str(error).startswith("refused: 535")
    assert error.is_down


def test_nobody_listening_is_down() -> None:
    for channel in (mail(free_port()), webhook(f"http://127.0.0.1:{free_port()}/{SECRET}")):
        error = fail(channel)
        assert (str(error), error.is_down) == ("Connection refused", True)


def test_a_server_that_says_nothing_is_given_up() -> None:
    with silent_server() as port:
        for channel in (mail(port, timeout_s=0.2), webhook(f"http://127.0.0.1:{port}/{SECRET}", timeout_s=0.2)):
            start = time.monotonic()
            error = fail(channel)
            assert error.is_down
            assert str(error) == "no answer in time"
            assert time.monotonic() - start < 5


@pytest.mark.parametrize("says", [b"HTTP/1.1 100 Continue\r\n\r\n", b"220-wait\r\n"])
def test_a_server_that_never_comes_to_an_end_is_given_up(says: bytes) -> None:
    with silent_server(says) as port:
        is_web = says.startswith(b"HTTP")
        channel = webhook(f"http://127.0.0.1:{port}/", timeout_s=0.3) if is_web else mail(port, timeout_s=0.3)
        error = fail(channel)
    assert (str(error), error.is_down) == ("no end after 0.9 s", True)


def test_a_webhook_gets_what_slack_reads_and_all_of_it_as_plain_values() -> None:
    with web_server() as server:
        assert webhook(f"{server.url}/services/{SECRET}").deliver(MESSAGE) == ""
    ((path, headers, body),) = server.requests
    assert path == f"/services/{SECRET}"
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert body["text"] == (f"*{MESSAGE.title}*\n\nkijiji_ca\n\nNew: 3 deliveries of &lt;!channel&gt; &amp; co – 12 000 $.\n")
    assert {name: body[name] for name in ("id", "title", "message")} == {
        "id": MESSAGE.id,
        "title": MESSAGE.title,
        "message": MESSAGE.text,
    }
    assert {name: body[name] for name in MESSAGE.facts} == MESSAGE.facts


def test_ntfy_gets_its_topic_and_no_more_than_it_takes() -> None:
    long = Message(MESSAGE.id, MESSAGE.title, "é\n" * 5000, MESSAGE.written_at, MESSAGE.facts)
    with web_server() as server:
        webhook(f"{server.url}/", "car-prices").deliver(long)
    ((path, headers, body),) = server.requests
    assert path == "/"
    assert body.keys() == {"topic", "title", "message"}
    assert body["topic"] == "car-prices"
    assert len(body["message"].encode()) < 4096
    assert int(headers["content-length"]) < 8192
    assert body["message"].endswith("`python -m pipeline alerts` has it all.\n")


def test_a_login_in_the_address_becomes_a_header() -> None:
    with web_server() as server:
        webhook(server.url.replace("//", f"//ann:{SECRET}%40@") + "/x").deliver(MESSAGE)
    ((path, headers, _),) = server.requests
    assert (path, headers["authorization"]) == ("/x", "Basic YW5uOnMzY3JldC1UMEtFTkA=")


@pytest.mark.parametrize(
    ("status", "said", "is_down"),
    [
        (500, "answered 500 Internal Server Error", True),
        (404, "answered 404 Not Found", False),
        (429, "answered 429 Too Many Requests", True),
        (302, "answered 302 Found; name the address that it leads to", False),
        (599, "answered 599", True),
    ],
)
def test_any_other_answer_is_a_failure_in_words_without_the_address(status: int, said: str, is_down: bool) -> None:
    with web_server() as server:
        server.status = status
        error = fail(webhook(f"{server.url}/{SECRET}"))
    assert (str(error), error.is_down) == (said, is_down)
    assert len(server.requests) == 1


def test_what_is_no_http_is_said_without_the_address() -> None:
    with silent_server(b"gibberish\r\n\r\n") as port:
        assert str(fail(webhook(f"http://127.0.0.1:{port}/{SECRET}"))) == "no answer that is HTTP (BadStatusLine)"


def test_a_host_that_does_not_exist_is_said() -> None:
    error = fail(webhook(f"http://nowhere.invalid/{SECRET}"))
    assert str(error) == "there is no such host, or no name server answers"


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("https://hooks.slack.com/services/T0/B0/x", True),
        ("http://127.0.0.1:8080", True),
        ("ftp://example.org/x", False),
        ("file:///etc/passwd", False),
        ("hooks.slack.com/services", False),
        ("https://", False),
        ("https://example.org:port/", False),
        ("https://example.org:99999/", False),
        ("https://[::1/", False),
        ("https://example.org/a b", False),
        ("https://example.org/a\nb", False),
        ("https://exämple.org/", False),
        ("", False),
    ],
)
def test_a_web_address_is_told_from_what_is_none(url: str, is_one: bool) -> None:
    assert is_web_address(url) == is_one


@NEEDS_OPENSSL
@pytest.mark.parametrize("security", [STARTTLS, SSL])
def test_a_mail_goes_encrypted_and_only_to_a_server_with_a_trusted_certificate(
    security: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    options = ("-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    subprocess.run(["openssl", "req", "-x509", *options, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    with mail_server(("ann", SECRET), tls, at_once=security == SSL) as server:
        wanted = {"host": "localhost", "security": security, "user": "ann", "password": SECRET}
        assert "certificate is not trusted" in str(fail(mail(server.port, **wanted)))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert mail(server.port, **wanted).deliver(MESSAGE) == ""
        error = fail(mail(server.port, **{**wanted, "host": "127.0.0.1"}))
        assert "certificate is not trusted" in str(error)
    assert len(server.envelopes) == 1


def test_a_server_without_starttls_gets_neither_password_nor_mail() -> None:
    with mail_server() as server:
        error = fail(mail(server.port, security=STARTTLS, user="ann", password=SECRET))
    assert "does not offer what smtp_security" in str(error)
    assert server.envelopes == []


def test_the_file_holds_each_message_once_and_a_torn_one_again(tmp_path: Path) -> None:
    path = tmp_path / "alerts/alerts.log"
    channel = File(path)
    for _ in range(2):
        assert channel.deliver(MESSAGE) == ""
    entry = path.read_text()
    assert entry.startswith(f"{MESSAGE.written_at}  {MESSAGE.title}\n  kijiji_ca\n\n  New: 3")
    assert entry.endswith(f"\n  id {MESSAGE.id}\n\n")
    path.write_text(entry[:40])
    channel.deliver(MESSAGE)
    assert path.read_text() == entry[:40] + "\n" + entry


def test_a_file_that_cannot_be_written_is_down(tmp_path: Path) -> None:
    (tmp_path / "alerts").write_text("")
    error = fail(File(tmp_path / "alerts/alerts.log"))
    assert error.is_down
    assert "cannot be written" in str(error)
