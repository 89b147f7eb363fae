"""Run Luigi's central scheduler and visualiser on loopback, with its state where only its owner may look."""

from __future__ import annotations

import argparse
import sys

from pipeline import paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--port", type=int, help="port to listen on (default: [core] scheduler_port of luigi.cfg)")


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted."""
    import luigi.cmdline
    import luigi.interface

    port = options.port or luigi.interface.core().scheduler_port
    # luigid unpickles its state file: nobody else may be able to write one.
    state = paths.DATA / "luigid"
    state.mkdir(parents=True, exist_ok=True)
    state.chmod(0o700)
    sys.stderr.write(f"luigid serves http://127.0.0.1:{port}/ — stop it with Ctrl-C\n")
    luigi.cmdline.luigid(["--address", "127.0.0.1", "--port", str(port), "--state-path", str(state / "state.pickle")])
    return 0
