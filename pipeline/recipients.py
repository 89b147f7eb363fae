"""Whom alerts reach, and how: the channels that section [alerts] of luigi.cfg asks for, and what is wrong with it."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable
from configparser import Error as ConfigurationUnreadable
from dataclasses import dataclass
from email.utils import parseaddr

from pipeline import paths, settings
from pipeline.errors import UsageWrong
from pipeline.services.addresses import is_web_address
from pipeline.services.channels import NONE, USUAL_PORTS, Channel, ChannelFailed, File, Mail, Message, Webhook

FILE, WEBHOOK, MAIL = "file", "webhook", "mail"
_LONGEST_TIMEOUT_S = 300


@dataclass(frozen=True)
class Unusable:
    """A channel with a slip in its settings: it takes nothing until that is mended."""

    wrong: UsageWrong
    where: str = "luigi.cfg"

    def deliver(self, message: Message) -> str:  # noqa: ARG002  # no message can be sent
        """Fail, with the slip as the reason."""
        raise ChannelFailed(str(self.wrong), is_down=True)


def choose_channels() -> dict[str, Channel]:
    """Return the channels that are asked for, by name, the file first; one with a slip in its settings is Unusable."""
    chosen: dict[str, Channel] = {FILE: File(paths.ALERTS / "alerts.log")}
    try:
        wanted = settings.alerts()
    except (ValueError, ConfigurationUnreadable):  # their words may hold an address
        wrong = Unusable(UsageWrong("[alerts] of luigi.cfg cannot be read. Is there a % in an address? Write %% for it."))
        return {**chosen, WEBHOOK: wrong, MAIL: wrong}
    if wanted.webhook or wanted.webhook_variable:
        chosen[WEBHOOK] = _try(_make_webhook, wanted)
    if wanted.mail_to.strip(" ,"):
        chosen[MAIL] = _try(_make_mail, wanted)
    return chosen


def check_settings() -> None:
    """Raise UsageWrong for the first slip in the settings."""
    for channel in choose_channels().values():
        if isinstance(channel, Unusable):
            raise channel.wrong


def _try(make: Callable[[settings.alerts], Channel], wanted: settings.alerts) -> Channel:
    try:
        return make(wanted)
    except UsageWrong as wrong:
        return Unusable(wrong)


def _make_webhook(wanted: settings.alerts) -> Webhook:
    name = wanted.webhook_variable
    if name and wanted.webhook:
        raise UsageWrong("[alerts] webhook and webhook_variable are both set: leave one of them empty.")
    url = _read_secret("webhook_variable", name) if name else wanted.webhook
    if not is_web_address(url):  # the address is a secret: it is not repeated
        where = f"the variable {name}, named by [alerts] webhook_variable," if name else "[alerts] webhook"
        raise UsageWrong(f"What {where} holds is no web address: it begins with https:// or http:// and has no blanks.")
    return Webhook(url, wanted.webhook_topic, _read_timeout(wanted))


def _make_mail(wanted: settings.alerts) -> Mail:
    to = tuple(address for part in wanted.mail_to.split(",") if (address := part.strip()))
    sender = wanted.mail_from.strip() or to[0]
    for name, address in (*(("mail_to", address) for address in to), ("mail_from", sender)):
        _refuse_address(name, address)
    if not wanted.smtp_host:
        raise UsageWrong("[alerts] mail_to is set and smtp_host is not: name the mail server, or empty mail_to.")
    security = wanted.smtp_security
    if security not in USUAL_PORTS:
        raise UsageWrong(f"[alerts] smtp_security {security!r} is none of {', '.join(USUAL_PORTS)}.")
    if wanted.smtp_user and not wanted.smtp_password_variable:
        raise UsageWrong(
            "[alerts] smtp_user is set and smtp_password_variable is not: name the variable that holds the password."
        )
    if wanted.smtp_user and security == NONE and not _is_here(wanted.smtp_host):
        raise UsageWrong("[alerts] smtp_security is none: a password would cross the network readable. Set starttls or ssl.")
    password = _read_secret("smtp_password_variable", wanted.smtp_password_variable) if wanted.smtp_user else ""
    port = _read_port(wanted.smtp_port, USUAL_PORTS[security])
    return Mail(to, sender, wanted.smtp_host, port, security, wanted.smtp_user, password, _read_timeout(wanted))


def _refuse_address(name: str, address: str) -> None:
    """Refuse what no mail server could send to; how far an address leads, only the server knows."""
    mailbox = parseaddr(address)[1]
    user, _, host = mailbox.rpartition("@")
    if not (user and host) or not address.isascii() or not address.isprintable() or " " in mailbox:
        raise UsageWrong(f"[alerts] {name} {address!r} is no mail address like somebody@example.org.")


def _read_port(text: str, usual: int) -> int:
    if not text:
        return usual
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
        raise UsageWrong(f"[alerts] smtp_port {text!r} is not a port: it lies between 1 and 65535.")
    return int(text)


def _read_timeout(wanted: settings.alerts) -> float:
    try:
        seconds = float(wanted.timeout_seconds)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST_TIMEOUT_S:
        raise UsageWrong(
            f"[alerts] timeout_seconds {wanted.timeout_seconds!r} is no number of seconds above 0, up to {_LONGEST_TIMEOUT_S}."
        )
    return seconds


def _read_secret(setting: str, variable: str) -> str:
    secret = os.environ.get(variable, "").strip()
    if not secret:
        raise UsageWrong(f"[alerts] {setting} names the environment variable {variable!r}, which is not set here.")
    return secret


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
