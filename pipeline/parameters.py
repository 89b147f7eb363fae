"""Parameters that refuse a user's slip at once: one message, exit code 2."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import PurePosixPath
from typing import Any, NoReturn

import luigi

from pipeline import paths
from pipeline.errors import MarketInvalid, MarketUnknown, UsageWrong, UserError
from pipeline.market_files import load_market


class MarketParameter(luigi.Parameter[str]):
    """The name of a market whose TOML exists and is valid."""

    def parse(self, text: str) -> str:
        """Return the name; exits with code 2 and the reason when there is no such market."""
        try:
            load_market(text, tuple(paths.market_folders()))
        except (MarketUnknown, MarketInvalid, UsageWrong) as error:
            _refuse(error)
        return text

    @classmethod
    def _parser_kwargs(cls, *names: Any) -> dict[str, Any]:
        """Luigi takes an empty option for none at all and would use the default: another market than was asked for."""
        return {**super()._parser_kwargs(*names), "type": _refuse_empty}


class DeliveryParameter(luigi.Parameter[str]):
    """The path of a delivery below the market's folder."""

    def parse(self, text: str) -> str:
        """Return the path; exits with code 2 when it leads out of the folder."""
        path = PurePosixPath(text)
        if path.is_absolute() or ".." in path.parts:
            _refuse(UsageWrong(f"--delivery {text!r} leaves the market's folder: name a file by its path below that folder."))
        return text


class AsOfParameter(luigi.Parameter[date | None]):
    """A date, or nothing for the present."""

    def parse(self, text: str) -> date | None:
        """Read an ISO date; exits with code 2 when it is none."""
        try:
            night = date.fromisoformat(text) if text else None
        except ValueError:
            _refuse(UsageWrong(f"--as-of {text!r} is not a date like 2024-02-29."))
        if night and night > date.today():  # noqa: DTZ011  # a night is one of this machine's
            _refuse(UsageWrong(f"--as-of {text} has not come yet: leave it out to mean the present."))
        return night

    def serialize(self, value: Any) -> str:
        """Write the date in ISO form, or nothing."""
        return value.isoformat() if value else ""

    def _warn_on_wrong_param_type(self, param_name: str, param_value: Any) -> None:
        """Luigi would warn about a parameter that is no text."""


class _Labelled:
    """A parameter that knows the option it is given by, for its message."""

    label = ""

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn the names of the task and of the parameter."""
        super().__set_name__(owner, name)  # type: ignore[misc]  # Luigi's parameter has it
        self.label = f"--{owner.__name__}-{name.replace('_', '-')}"


class CountParameter(_Labelled, luigi.IntParameter):
    """A whole number of at least `least`."""

    def __init__(self, *args: Any, least: int = 1, **more: Any) -> None:
        """Take the smallest number that makes sense."""
        super().__init__(*args, **more)
        self.least = least

    def parse(self, text: str) -> int:
        """Read the number; exits with code 2 when it is none or too small."""
        if not text.strip().isdecimal() or int(text) < self.least:
            _refuse(UsageWrong(f"{self.label} {text!r} is not a whole number of at least {self.least}."))
        return int(text)


class CountFromZeroParameter(CountParameter):
    """A whole number that may be 0."""

    def __init__(self, *args: Any, **more: Any) -> None:
        """Begin with 0."""
        super().__init__(*args, least=0, **more)


class ShareParameter(_Labelled, luigi.FloatParameter):
    """A share above 0 and below 1."""

    def parse(self, text: str) -> float:
        """Read the share; exits with code 2 when it is none."""
        try:
            share = float(text)
        except ValueError:
            share = -1.0
        if not 0 < share < 1:
            _refuse(UsageWrong(f"{self.label} {text!r} is not a share above 0 and below 1."))
        return share


class FactorParameter(_Labelled, luigi.FloatParameter):
    """A number above 0 by which something is multiplied."""

    def parse(self, text: str) -> float:
        """Read the number; exits with code 2 when it is none, or not between 0.001 and 1,000."""
        try:
            factor = float(text)
        except ValueError:
            factor = -1.0
        if not 0.001 <= factor <= 1000:
            _refuse(UsageWrong(f"{self.label} {text!r} is not a factor between 0.001 and 1,000."))
        return factor


class WordParameter(_Labelled, luigi.Parameter[str]):
    """One of a few words."""

    def __init__(self, *args: Any, words: tuple[str, ...], **kwargs: Any) -> None:
        """Take the words."""
        super().__init__(*args, **kwargs)
        self.words = words

    def parse(self, text: str) -> str:
        """Return the word; exits with code 2 when it is another one."""
        if text not in self.words:
            _refuse(UsageWrong(f"{self.label} {text!r} is none of {', '.join(self.words)}."))
        return text


def _refuse_empty(text: str) -> str:
    if not text.strip():
        _refuse(UsageWrong("--market '' names no market: leave the option out to mean the default one."))
    return text


def _refuse(error: UserError) -> NoReturn:
    # Luigi reads parameters before it sets logging up, so the message goes where its usage errors go.
    sys.stderr.write(f"{error}\n")
    raise SystemExit(2)  # as argparse does
