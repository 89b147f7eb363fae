"""The command line `python -m pipeline …`: thin; each command is a file in `commands/`."""

from __future__ import annotations

import argparse
import configparser
import importlib
import io
import os
import sys
from collections.abc import Callable

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


def run_command(run: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Run a command; print what the user can mend as its message alone."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no arrows gets question marks
    try:
        code = run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has read enough; Python would say so once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        message, code = _explain(error)
        if not message:
            raise
        sys.stderr.write(f"{message}\n")
    return code


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
    if isinstance(error, ValueError):  # Luigi's own message does not name the setting
        return find_wrong_setting() or "", UsageWrong.exit_code
    return "", UserError.exit_code


if __name__ == "__main__":
    sys.exit(main())
