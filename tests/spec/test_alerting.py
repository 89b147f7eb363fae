"""What people are told of a market's nights, over real servers on loopback, also when a channel is down or the machine is."""

from __future__ import annotations

import email
import json
from argparse import Namespace
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from email.policy import default
from pathlib import Path
from typing import Any

import luigi
import pytest

from pipeline import alerts, housekeeping, outbox, paths
from pipeline.__main__ import run_command
from pipeline.commands import alerts as command
from pipeline.commands import status
from pipeline.incremental import store
from pipeline.services.channels import File, Mail, Webhook
from tests.servers import MailServer, WebServer, free_port, mail_server, silent_server, web_server
from tests.spec.conftest import Project

FIRST = date(2024, 1, 1)
STALE = {
    "kind": "freshness",
    "subject": "delivery",
    "text": "No delivery for 3 nights.",
    "means": "Prices are 3 days old.",
    "do": "Look at the scraper.",
}
DRIFT = {**STALE, "kind": "drift", "subject": "mileage_km", "text": "Mileage moved."}
KINDS = ("freshness", "drift")
SECRET = "s3cret-T0KEN"


class Killed(BaseException):
    """The process ended here."""


class Yard:
    """An empty project folder, and the settings of [alerts] in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def set(self, **settings: object) -> None:
        """Set them as luigi.cfg would."""
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        luigi.configuration.get_config().read_string(f"[alerts]\n{lines}")

    def follow(self, day: int, *findings: dict[str, str], market: str = "uk", judged: tuple[str, ...] = KINDS) -> alerts.Followed:
        return alerts.follow(market, (FIRST + timedelta(days=day)).isoformat(), findings, judged)

    def night(self, day: int, *findings: dict[str, str]) -> list[str]:
        """Follow a night and send what there is to be told; return the lines."""
        return [*self.follow(day, *findings).lines, *alerts.send()]

    def log(self) -> str:
        path = self.root / "data/alerts/alerts.log"
        return path.read_text() if path.exists() else ""

    def waiting(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted(self.root.glob("data/alerts/outbox/*.json"))]

    def journal(self, market: str = "uk") -> list[tuple[str, str, str]]:
        lines = (self.root / f"data/alerts/{market}.jsonl").read_text().splitlines()
        return [(entry["night"][-2:], entry["what"], entry["subject"]) for entry in map(json.loads, lines)]

    def command(self, capsys: pytest.CaptureFixture[str], *, market: str | None = None, test: bool = False) -> tuple[int, str]:
        capsys.readouterr()
        code = run_command(command.run, Namespace(market=market, test=test))
        printed = capsys.readouterr()
        return code, printed.out + printed.err


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(alerts, "_unkept", [])
    yield Yard(tmp_path)
    luigi.configuration.get_config().remove_section("alerts")


@pytest.fixture
def web(yard: Yard) -> Iterator[WebServer]:
    """A web server that alerts are posted to."""
    with web_server() as server:
        yard.set(webhook=f"{server.url}/{SECRET}", timeout_seconds=0.5)
        yield server


@pytest.fixture
def post(yard: Yard) -> Iterator[MailServer]:
    """A mail server that alerts are sent to."""
    with mail_server() as server:
        yard.set(mail_to="ann@example.org", smtp_host="127.0.0.1", smtp_port=server.port, smtp_security="none", timeout_seconds=2)
        yield server


def test_a_year_of_silence_is_seventeen_messages_by_every_channel(yard: Yard, web: WebServer, post: MailServer) -> None:
    for day in range(366):
        yard.night(day, STALE)
    assert len(web.bodies) == len(post.envelopes) == 17
    assert yard.log().count("  id ") == 17
    assert web.bodies[0]["title"] == "Car prices 2024-01-01: 1 new (uk)"
    assert web.bodies[-1]["title"] == "Car prices 2024-12-26: 1 still there (uk)"
    assert yard.waiting() == []


def test_all_markets_of_a_night_are_one_message(yard: Yard, web: WebServer) -> None:
    yard.follow(0, STALE, DRIFT, market="uk")
    yard.follow(0, market="avito_ma")
    yard.follow(0, STALE, market="kijiji_ca")
    alerts.send()
    alerts.send()
    (body,) = web.bodies
    assert body["title"] == "Car prices 2024-01-01: 3 new (kijiji_ca, uk)"
    assert body["market"] == "kijiji_ca, uk"
    assert body["night"] == "2024-01-01"
    assert [(one["market"], one["what"], one["subject"]) for one in body["incidents"]] == [
        ("kijiji_ca", "opened", "delivery"),
        ("uk", "opened", "mileage_km"),
        ("uk", "opened", "delivery"),
    ]
    assert "Means for prices: Prices are 3 days old.\n  What to do: Look at the scraper." in body["message"]


def test_the_same_night_again_tells_nothing_and_an_earlier_one_changes_nothing(yard: Yard, web: WebServer) -> None:
    yard.night(5, STALE)
    assert yard.night(5, STALE) == []
    followed = yard.follow(3, DRIFT)
    assert followed.is_past
    assert followed.notices == ()
    assert [one.subject for one in followed.open] == ["delivery"]
    assert alerts.send() == []
    assert len(web.bodies) == 1


def test_what_began_is_told_to_be_over_and_the_journal_has_both(yard: Yard, web: WebServer) -> None:
    yard.night(0, STALE)
    yard.night(1)
    yard.follow(2, judged=())
    yard.night(3)
    assert alerts.open_incidents("uk") == []
    assert [body["incidents"][0]["what"] for body in web.bodies] == ["opened", "closed"]
    assert yard.journal() == [("01", "opened", "delivery"), ("04", "closed", "delivery")]


def test_a_channel_that_is_down_is_said_and_gets_its_messages_when_it_is_back(
    yard: Yard, web: WebServer, post: MailServer
) -> None:
    web.status = 500
    lines = yard.night(0, STALE)
    assert any(line.startswith("Sent by mail (127.0.0.1:") for line in lines)
    assert (
        "Not sent by webhook (127.0.0.1): Car prices 2024-01-01: 1 new (uk): answered 500 Internal Server Error. "
        "It is kept, and tried again with the next night." in lines
    )
    assert len(post.envelopes) == 1
    yard.night(1, STALE, DRIFT)
    assert len(web.bodies) == 3 - 1  # the one in front was tried again, and the new one not: the server is down
    assert [message["pending"] for message in yard.waiting()] == [["webhook"], ["webhook"]]
    assert [message["failed"].get("webhook", {}).get("tries") for message in yard.waiting()] == [2, None]
    web.status = 200
    alerts.send()
    assert [body["night"] for body in web.bodies[-2:]] == ["2024-01-01", "2024-01-02"]
    assert len(post.envelopes) == 2
    assert yard.waiting() == []


@pytest.mark.parametrize("trouble", ["refused", "silent", "550"])
def test_a_mail_server_in_trouble_ends_no_night_and_is_tried_again(yard: Yard, post: MailServer, trouble: str) -> None:
    if trouble == "550":
        post.answer = "550 5.7.1 no"
        yard.night(0, STALE)
    elif trouble == "refused":
        yard.set(smtp_port=free_port())
        yard.night(0, STALE)
    else:
        with silent_server() as port:
            yard.set(smtp_port=port, timeout_seconds=0.2)
            yard.night(0, STALE)
    assert [message["pending"] for message in yard.waiting()] == [["mail"]]
    yard.set(smtp_port=post.port, timeout_seconds=2)
    post.answer = "250 OK"
    yard.night(1, STALE)
    told = [email.message_from_bytes(envelope.content, policy=default) for envelope in post.envelopes]
    assert [message["Subject"] for message in told] == [
        "Car prices 2024-01-01: 1 new (uk)",
        "Car prices 2024-01-02: 1 still there (uk)",
    ]


def test_a_channel_that_nobody_asks_for_any_more_is_waited_for_no_longer(yard: Yard, web: WebServer) -> None:
    web.status = 500
    yard.night(0, STALE)
    yard.set(webhook="")
    assert alerts.send() == []
    assert yard.waiting() == []


class Crasher:
    """Ends the process before or after the n-th thing that it does outside itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        self.is_after = False
        for owner, name in (
            (store, "replace_text"),
            (File, "deliver"),
            (Webhook, "deliver"),
            (Mail, "deliver"),
            (Path, "unlink"),
        ):
            monkeypatch.setattr(owner, name, self._wrap(getattr(owner, name)))

    def _wrap(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **more: Any) -> Any:
            if str(arguments[0]).endswith(".lock"):  # a process that ended holds no lock; this one goes on
                return real(*arguments, **more)
            self.left -= 1
            if self.left == 0 and not self.is_after:
                raise Killed
            result = real(*arguments, **more)
            if self.left == 0:
                raise Killed
            return result

        return counted


@pytest.mark.parametrize("is_after", [False, True])
def test_a_kill_at_any_moment_loses_nothing_and_repeats_at_most_one_message(
    yard: Yard, web: WebServer, monkeypatch: pytest.MonkeyPatch, is_after: bool
) -> None:
    crasher = Crasher(monkeypatch)
    crasher.is_after = is_after
    points = 0
    for point in range(1, 100):
        for path in (*yard.root.glob("data/alerts/*.*"), *yard.root.glob("data/alerts/outbox/*.json")):
            path.unlink()
        web.requests.clear()
        crasher.left = point
        try:
            everything(yard)
        except Killed:
            points += 1
        else:
            break
        crasher.left = 0
        everything(yard)
        told = [(one["market"], one["what"], one["subject"]) for body in unique(web.bodies) for one in body["incidents"]]
        assert sorted(told) == [("kijiji_ca", "opened", "mileage_km"), ("uk", "opened", "delivery")], point
        assert len(web.bodies) <= len(unique(web.bodies)) + 1
        assert yard.log().count("  id ") == len(unique(web.bodies))
        assert yard.waiting() == []
        assert yard.journal() == [("01", "opened", "delivery")]
    assert points >= 12


def everything(yard: Yard) -> None:
    yard.follow(0, STALE, market="uk")
    yard.follow(0, DRIFT, market="kijiji_ca")
    alerts.send()


def unique(bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({body["id"]: body for body in bodies}.values())


def test_a_damaged_file_is_set_aside_begun_anew_and_told(yard: Yard, web: WebServer, capsys: pytest.CaptureFixture[str]) -> None:
    yard.night(0, STALE)
    (yard.root / "data/alerts/uk.json").write_text('{"night": 7')
    code, printed = yard.command(capsys)
    assert code == 30
    assert printed.startswith("data/alerts/uk.json cannot be understood, so nobody knows what is open in uk.")
    lines = yard.night(1, STALE)
    assert "The file of the incidents of uk could not be understood" in lines[0]
    assert [one.kind for one in alerts.open_incidents("uk")] == ["alerts", "freshness"]
    assert web.bodies[-1]["title"] == "Car prices 2024-01-02: 2 new (uk)"
    assert len(list(yard.root.glob("data/alerts/.damaged-uk.json-*"))) == 1
    yard.night(2, STALE)
    yard.night(3, STALE)
    assert [one.kind for one in alerts.open_incidents("uk")] == ["freshness"]


@pytest.mark.parametrize(
    "change",
    [
        {"incidents": [{}]},
        {"incidents": 3},
        {"night": "soon"},
        {"night": 20240101},
        {"notices": [{"what": "opened"}]},
        {"incidents": [{**STALE, "since": "x", "found_on": "x", "reminders": 0, "times": 1, "quiet": [], "closed_on": ""}]},
    ],
)
def test_any_damage_is_a_message_and_no_traceback(yard: Yard, change: dict[str, object]) -> None:
    yard.night(0, STALE)
    path = yard.root / "data/alerts/uk.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(alerts.AlertsDamaged, match="cannot be understood"):
        alerts.open_incidents("uk")
    assert yard.follow(1, STALE).lines


def test_a_damaged_message_is_set_aside_and_does_not_hold_up_others(yard: Yard, web: WebServer) -> None:
    web.status = 500
    yard.night(0, STALE)
    (path,) = yard.root.glob("data/alerts/outbox/*.json")
    path.write_text("{")
    web.status = 200
    lines = yard.night(1, STALE)
    assert any("cannot be understood, and is not sent" in line for line in lines)
    assert web.bodies[-1]["night"] == "2024-01-02"
    assert yard.waiting() == []


def test_what_no_disk_can_keep_is_told_all_the_same(yard: Yard, web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, text: str, **_: object) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(store, "replace_text", fail)
    lines = yard.night(0, STALE)
    assert lines[0].startswith("Alerts: cannot use data/alerts/uk.json: No space left on device. Make room")
    assert [body["title"] for body in web.bodies] == ["Car prices 2024-01-01: 1 new (uk)"]
    assert alerts.send() == []


def test_a_disk_that_fills_while_a_message_is_sent_holds_up_no_channel(
    yard: Yard, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.follow(0, STALE)
    real_put, real_write = outbox.put, outbox._write

    def full(outgoing: outbox.Outgoing) -> None:
        raise OSError(28, "No space left on device", "outbox")

    def put(*arguments: Any) -> None:
        monkeypatch.setattr(outbox, "_write", real_write)
        real_put(*arguments)
        monkeypatch.setattr(outbox, "_write", full)

    monkeypatch.setattr(outbox, "put", put)
    lines = alerts.send()
    assert sum("cannot be written (No space left on device): what was sent will be sent again." in line for line in lines) == 2
    assert len(web.bodies) == 1
    assert yard.waiting() == []


def test_housekeeping_leaves_alerts_alone(yard: Yard, web: WebServer) -> None:
    web.status = 500
    yard.night(0, STALE)
    before = {path: path.read_bytes() for path in yard.root.glob("data/alerts/**/*") if path.is_file()}
    store.sweep_all(paths.DATA, (), frozenset({"raw"}))
    housekeeping.collect(1)
    assert {path: path.read_bytes() for path in yard.root.glob("data/alerts/**/*") if path.is_file()} == before
    assert list(paths.workspace().results()) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"smtp_port": "no"}, "[alerts] smtp_port 'no' is not a port: it lies between 1 and 65535."),
        ({"smtp_port": "70000"}, "[alerts] smtp_port '70000' is not a port"),
        ({"smtp_host": ""}, "[alerts] mail_to is set and smtp_host is not"),
        ({"smtp_security": "tls"}, "[alerts] smtp_security 'tls' is none of none, starttls, ssl."),
        ({"mail_to": "ann"}, "[alerts] mail_to 'ann' is no mail address"),
        ({"mail_from": "x y@z\x07"}, "is no mail address"),
        ({"smtp_user": "ann"}, "[alerts] smtp_user is set and smtp_password_variable is not"),
        (
            {"smtp_user": "ann", "smtp_password_variable": "NO_SUCH"},
            "names the environment variable 'NO_SUCH', which is not set here.",
        ),
        (
            {"smtp_user": "ann", "smtp_password_variable": "HOME", "smtp_host": "example.org"},
            "a password would cross the network readable",
        ),
        ({"timeout_seconds": "long"}, "[alerts] timeout_seconds 'long' is no number of seconds"),
        ({"timeout_seconds": "nan"}, "[alerts] timeout_seconds 'nan' is no number of seconds"),
        ({"webhook": f"hooks.slack.com/{SECRET}"}, "What [alerts] webhook holds is no web address"),
        (
            {"webhook": f"https://x/{SECRET}%2F"},
            "[alerts] of luigi.cfg cannot be read. Is there a % in an address? Write %% for it.",
        ),
        ({"webhook_variable": "NO_SUCH"}, "[alerts] webhook_variable names the environment variable 'NO_SUCH'"),
        ({"webhook": "https://x/", "webhook_variable": "HOME"}, "[alerts] webhook and webhook_variable are both set"),
        ({"webhook_variable": "HOME"}, "What the variable HOME, named by [alerts] webhook_variable, holds is no web address"),
    ],
)
def test_a_slip_in_the_settings_is_one_line_for_a_person_and_ends_no_night(
    yard: Yard, post: MailServer, capsys: pytest.CaptureFixture[str], settings: dict[str, str], message: str
) -> None:
    yard.set(**settings)
    code, printed = yard.command(capsys)
    assert code == 2
    assert message in printed
    assert printed.count("\n") == 1
    lines = yard.night(0, STALE)
    assert any(message in line for line in lines)
    assert SECRET not in f"{printed}{lines}{yard.waiting()}"
    assert yard.log().count("  id ") == 1
    (waiting,) = yard.waiting()
    yard.set(webhook="", webhook_variable="", mail_from="", mail_to="ann@example.org", smtp_host="127.0.0.1", smtp_port=post.port)
    yard.set(smtp_security="none", smtp_user="", timeout_seconds=2)
    alerts.send()
    assert (len(post.envelopes), yard.waiting()) == (1, []), waiting


def test_secrets_come_from_the_environment(yard: Yard, web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTS_PASSWORD", SECRET)
    monkeypatch.setenv("ALERTS_WEBHOOK", f"{web.url}/{SECRET}")
    with mail_server(("cars", SECRET)) as server:
        yard.set(
            webhook="",
            webhook_variable="ALERTS_WEBHOOK",
            mail_to="ann@example.org, bob@example.org",
            mail_from="Cars <cars@example.org>",
        )
        yard.set(smtp_host="127.0.0.1", smtp_port=server.port, smtp_security="none", smtp_user="cars")
        yard.set(smtp_password_variable="ALERTS_PASSWORD")
        lines = yard.night(0, STALE)
    assert len(server.envelopes) == len(web.bodies) == 1
    assert SECRET not in "".join(lines) + "".join(path.read_text() for path in yard.root.glob("data/alerts/*.*"))


def test_the_command_lists_what_is_open_and_what_waits(yard: Yard, web: WebServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert yard.command(capsys) == (0, "No night was followed yet: `python -m pipeline nightly` does.\n")
    web.status = 500
    yard.night(0, STALE)
    yard.follow(1)
    code, printed = yard.command(capsys)
    assert code == 0
    assert printed.startswith(
        "uk: as of 2024-01-02, 1 open\n  No delivery for 3 nights.\n    since  2024-01-01, not found since 2024-01-02\n"
        "    means  Prices are 3 days old.\n    do     Look at the scraper.\nundelivered: 1 message not sent by webhook, the oldest of "
    )
    assert "(127.0.0.1) answered 500 Internal Server Error, last tried " in printed
    yard.follow(2)
    assert "uk: as of 2024-01-03, nothing open\n" in yard.command(capsys)[1]
    assert "undelivered: 1 of uk as of 2024-01-03 are in no message yet" in yard.command(capsys, market="uk")[1]
    code, printed = yard.command(capsys, market="ukk")
    assert (code, "uk" in printed) == (2, True)


def test_the_test_message_says_which_channel_took_it(
    yard: Yard, web: WebServer, post: MailServer, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed = yard.command(capsys, test=True)
    assert code == 0
    assert printed == f"file     data/alerts/alerts.log: sent\nwebhook  127.0.0.1: sent\nmail     127.0.0.1:{post.port}: sent\n"
    assert web.bodies[0]["title"] == "Car prices: a test message"
    post.refuses = {"ann@example.org"}
    code, printed = yard.command(capsys, test=True)
    assert code == 30
    assert printed.endswith("refused for every recipient: 550 5.1.1 no such user\n")
    assert yard.waiting() == []


def test_nights_of_a_clock_that_ran_ahead_are_said(yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    alerts.follow("uk", "2199-01-01", [STALE], KINDS)
    followed = yard.follow(0, STALE)
    assert followed.is_past
    assert "as of 2199-01-01, which has not come yet" in followed.lines[0]
    assert "Move data/alerts/uk.json away" in yard.command(capsys)[1]


def test_status_shows_what_is_open_and_what_was_not_sent(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    alerts.follow("tiny", "2024-01-05", [STALE], KINDS)
    capsys.readouterr()
    assert project.command(status.run, market="tiny") == 0
    printed = capsys.readouterr().out
    assert "  alert     No delivery for 3 nights. Since 2024-01-05. Prices are 3 days old. Look at the scraper.\n" in printed
    assert "undelivered: 1 of tiny as of 2024-01-05 are in no message yet: the next night sends them\n" in printed
    (project.root / "data/alerts/tiny.json").write_text("{")
    assert project.command(status.run, market="tiny") == 0
    assert "  wrong     data/alerts/tiny.json cannot be understood" in capsys.readouterr().out


def test_two_processes_tell_each_thing_once(yard: Yard, web: WebServer) -> None:
    """The lock of the outbox is held while a message is sent, that of the incidents is not: a slow channel holds up no night."""
    with store.locked(paths.DATA / "locks" / "alerts-outbox.lock"):
        assert [notice.what for notice in yard.follow(0, STALE).notices] == ["opened"]
    alerts.send()
    assert outbox.waiting() == []
    assert len(web.bodies) == 1
