"""Slips on Luigi's command line and in luigi.cfg: one message and exit code 2, where Luigi shows a traceback."""

from __future__ import annotations

import argparse
import configparser
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from luigi.cmdline_parser import CmdlineParser
from luigi.configuration import LuigiConfigParser
from luigi.parameter import ParameterException
from luigi.task_register import Register, TaskClassException

INTERRUPTED_CODE = 130  # how shells number an end by Ctrl-C
_SLIPS = (ParameterException, TaskClassException, ValueError)


def explained(run: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the function that runs a command line, so that a slip ends with code 2."""

    def run_explained(argv: list[str], *args: Any, **kwargs: Any) -> Any:
        try:
            return run(argv, *args, **kwargs)
        except _SLIPS as error:
            slip = _name_slip(error, argv)
            if slip is None:
                raise
            sys.stderr.write(f"{slip}\n")
            raise SystemExit(2) from None

    return run_explained


def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Do the same for what Luigi reads before it runs anything, the task's name and its exit codes; and end quietly on Ctrl-C.

    A program of somebody else's that imports the pipeline keeps its tracebacks.
    """
    if isinstance(error, KeyboardInterrupt):
        sys.stderr.write("Interrupted. What is committed stays: run again to go on.\n")
        raise SystemExit(INTERRUPTED_CODE)
    is_luigis = any(frame.f_globals.get("__name__") == "luigi.cmdline" for frame, _ in traceback.walk_tb(trace))
    slip = _name_slip(error, sys.argv[1:]) if is_luigis and isinstance(error, _SLIPS) else None
    if slip is None:
        sys.__excepthook__(kind, error, trace)
    else:
        sys.stderr.write(f"{slip}\n")
        raise SystemExit(2)  # Python ends with the code that a hook raises


def _name_slip(error: BaseException, argv: list[str]) -> str | None:
    if not isinstance(error, ValueError) or isinstance(error, ParameterException):
        return str(error)
    return find_wrong_setting(argv)


def refuse_mixed_names() -> None:
    """Raise configparser.Error over an option whose name holds both - and _: Luigi looks it up by another spelling, and ends in a KeyError."""
    settings = LuigiConfigParser.instance()
    for section in settings.sections():
        for name in settings.options(section):
            if "-" in name and "_" in name:
                raise configparser.Error(f"[{section}] {name} mixes - and _; write it as {name.replace('-', '_')}")


def refuse_abbreviations() -> None:
    """Let Luigi's command line take options by their whole names alone: a part of one may mean another setting than was thought."""
    build = CmdlineParser._build_parser  # noqa: SLF001  # the one place where its parser is made

    def build_exact(*args: Any, **kwargs: Any) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = build(*args, **kwargs)
        parser.allow_abbrev = False
        return parser

    setattr(CmdlineParser, "_build_parser", staticmethod(build_exact))  # noqa: B010  # mypy: a method is not to be assigned to


def find_wrong_setting(argv: list[str] | None = None) -> str | None:
    """Name the first setting whose text its parameter cannot read: Luigi's own message names none."""
    parser = None if argv is None or CmdlineParser.get_instance() else _parse(argv)
    for section, is_without_section, name, parameter in sorted(Register.get_all_params(), key=lambda found: found[0]):
        given = vars(parser.known_args) if parser else {}
        text = given.get(f"{section}_{name}") or (given.get(name) if section == given.get("root_task") else None)
        try:
            parameter.parse(text) if text else parameter.has_task_value(section, name)
        except (ValueError, configparser.Error) as error:
            option = name if is_without_section else f"{section}-{name}"
            return f"A setting cannot be read: --{option.replace('_', '-')} or [{section}] {name} in luigi.cfg: {' '.join(str(error).split())}."
    return None


def _parse(argv: list[str]) -> CmdlineParser | None:
    try:
        return CmdlineParser(argv)
    except _SLIPS:
        return None
