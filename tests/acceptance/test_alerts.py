"""Alerts by the real commands: listed, tried, refused for a slip in luigi.cfg, and sent after a kill in the middle of sending."""

from __future__ import annotations

import os
import signal
import sys
import time

from tests.acceptance.conftest import Project
from tests.servers import silent_server, web_server

FINDING = {"kind": "freshness", "subject": "delivery", "text": "No delivery.", "means": "Old prices.", "do": "Look."}
NIGHT = f"from pipeline import alerts; alerts.follow('sample', '2024-01-05', [{FINDING!r}], ['freshness']); print(alerts.send())"


def set_alerts(project: Project, **settings: object) -> None:
    text = (project.root / "luigi.cfg").read_text().replace("\r", "")
    for name, value in settings.items():
        line = next(line for line in text.splitlines() if line.startswith(f"{name} ="))
        text = text.replace(f"\n{line}\n", f"\n{name} = {value}\n")
    (project.root / "luigi.cfg").write_text(text)


def test_alerts_are_listed_and_every_channel_can_be_tried(project: Project) -> None:
    assert project.pipeline("alerts") == (0, "No night was followed yet: `python -m pipeline nightly` does.\n")
    code, printed = project.run(sys.executable, "-c", NIGHT)
    assert (code, printed) == (0, "['Sent by file (data/alerts/alerts.log): Car prices 2024-01-05: 1 new (sample)']\n")
    code, printed = project.pipeline("alerts")
    assert code == 0
    assert (
        printed
        == "sample: as of 2024-01-05, 1 open\n  No delivery.\n    since  2024-01-05\n    means  Old prices.\n    do     Look.\n"
    )
    with web_server() as server:
        set_alerts(project, webhook=f"{server.url}/secret")
        assert project.pipeline("alerts", "--test") == (0, "file     data/alerts/alerts.log: sent\nwebhook  127.0.0.1: sent\n")
        server.status = 403
        code, printed = project.pipeline("alerts", "--test")
    assert code == 30
    assert printed.endswith("webhook  127.0.0.1: answered 403 Forbidden\n")
    assert project.leftovers() == []


def test_a_slip_in_luigi_cfg_is_one_line(project: Project) -> None:
    set_alerts(project, mail_to="ann@example.org")
    message = "[alerts] mail_to is set and smtp_host is not: name the mail server, or empty mail_to.\n"
    assert project.pipeline("alerts") == (2, message)
    assert project.pipeline("alerts", "--test") == (2, message)
    code, printed = project.pipeline("status")
    assert code == 2
    assert printed.endswith(f"wrong: {message}")


def test_a_kill_while_a_message_is_sent_loses_nothing(project: Project) -> None:
    with silent_server() as port:
        set_alerts(project, webhook=f"http://127.0.0.1:{port}/", timeout_seconds=60)
        process = project.start(sys.executable, "-c", NIGHT)
        deadline = time.monotonic() + 60
        while not (project.root / "data/alerts/alerts.log").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    with web_server() as server:
        set_alerts(project, webhook=f"{server.url}/")
        code, printed = project.run(sys.executable, "-c", NIGHT)
    assert code == 0, printed
    assert [body["title"] for body in server.bodies] == ["Car prices 2024-01-05: 1 new (sample)"]
    assert (project.root / "data/alerts/alerts.log").read_text().count("  id ") == 1
    assert list(project.root.glob("data/alerts/outbox/*.json")) == []
