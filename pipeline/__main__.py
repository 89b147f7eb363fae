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
    "sample": "write synthetic deliveries to try the pipeline on",
    "schedule": "print what makes cron, systemd or launchd start the nightly run",
    "luigid": "run the central scheduler and its visualiser on loopback",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code; a user's mistake is one message and no traceback."""
    parser = argparse.ArgumentParser(prog="python -m pipeline", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    modules = {name: importlib.import_module(f"pipeline.commands.{name}") for name in COMMANDS}
    for name, summary in COMMANDS.items():
        modules[name].add_arguments(subparsers.add_parser(name, help=summary, description=modules[name].__doc__))
    options, more = parser.parse_known_args(argv)
    if more and not hasattr(options, "more"):
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    options.more = more
    return run_command(modules[options.command].run, options)


def run_command(run: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Run a command; print what the user can mend as its message alone."""
    from pipeline.errors import UsageWrong, UserError

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no arrows gets question marks
    try:
        code = run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has read enough; Python would say so once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except configparser.Error as error:
        sys.stderr.write(f"luigi.cfg cannot be read: {' '.join(str(error).split())}\n")
        return UsageWrong.exit_code
    except OSError as error:
        if error.filename is None:
            raise
        sys.stderr.write(f"Cannot use {error.filename}: {error.strerror}. Make room, or let this user write there.\n")
        return UserError.exit_code
    except KeyboardInterrupt:
        return 130
    else:
        return code


if __name__ == "__main__":
    sys.exit(main())
