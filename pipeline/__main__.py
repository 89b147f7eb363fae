"""The command line `python -m pipeline …`: thin; each command is a file in `commands/`."""

from __future__ import annotations

import argparse
import configparser
import errno
import importlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
COMMANDS = {
    "explain": "say what a run would build, and why, before it runs",
    "status": "say what is current, how old it is, and what is wrong",
    "alerts": "list what is wrong and open, and what could not be sent; try the channels",
    "price": "price one car, or every row of a file, and say where it cannot",
    "nightly": "do all that a night asks for, with nobody watching: what cron calls",
    "backfill": "make the nights of a span in order, reusing what is right",
    "rollback": "make an earlier champion the champion and bar the later one, or lift a bar",
    "gc": "drop results that nothing needs any more",
    "new-market": "draft the TOML of a market from files that nobody has described yet",
    "sample": "write synthetic deliveries to try the pipeline on",
    "schedule": "print what makes cron, systemd or launchd start the nightly run",
    "luigid": "run the central scheduler and its visualiser on loopback",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code; a user's mistake is one message and no traceback."""
    parser = argparse.ArgumentParser(prog="python -m pipeline", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    modules = {name: importlib.import_module(f"pipeline.commands.{name.replace('-', '_')}") for name in COMMANDS}
    for name, summary in COMMANDS.items():
        modules[name].add_arguments(subparsers.add_parser(name, help=summary, description=modules[name].__doc__))
    options, more = parser.parse_known_args(argv)
    if more and not hasattr(options, "more"):
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    options.more = more
    return run_command(modules[options.command].run, options)


def _open_streams() -> None:
    """Stand in for streams that are closed: what is written to the output fails with a message, as where there is no room."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115  # for reading alone, up to the end
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # up to the end


def _drop_output() -> None:
    """Lead the output to nowhere: what is left in its buffer would fail once more at Python's end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_command(run: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Run a command; print what the user can mend as its message alone."""
    _open_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no arrows gets question marks
    try:
        _refuse_empty_market(options)
        code = run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has read enough; Python would say so once more at its end
        _drop_output()
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        message, code = _explain(error)
        if not message:
            raise
        if isinstance(error, OSError):
            _drop_output()
        sys.stderr.write(f"{message}\n")
    return code


def _refuse_empty_market(options: argparse.Namespace) -> None:
    """An empty option, as a script's unset variable leaves it, would mean the default market, or all."""
    if getattr(options, "market", None) is not None and not options.market.strip():
        from pipeline.errors import UsageWrong

        raise UsageWrong(f"--market {options.market!r} names no market: leave the option out to mean the default.")


def _explain(error: Exception) -> tuple[str, int]:
    """Return the message and the exit code of what the user can mend; no message of anything else."""
    from pipeline.errors import UsageWrong, UserError
    from pipeline.incremental.usage import find_wrong_setting

    if isinstance(error, UserError):
        return str(error), error.exit_code
    if isinstance(error, configparser.Error):
        return f"luigi.cfg cannot be read: {' '.join(str(error).split())}", UsageWrong.exit_code
    if isinstance(error, OSError) and error.filename is not None:
        return f"Cannot use {error.filename}: {error.strerror}. Make room, or let this user write there.", UserError.exit_code
    if isinstance(error, io.UnsupportedOperation) or (isinstance(error, OSError) and error.errno in _NO_ROOM):
        return (
            f"The output cannot be written: {error.strerror or 'it is closed'}. Make room, or name another place.",
            UserError.exit_code,
        )
    if isinstance(error, ValueError):  # Luigi's own message does not name the setting
        return find_wrong_setting() or "", UsageWrong.exit_code
    return "", UserError.exit_code


if __name__ == "__main__":
    sys.exit(main())
