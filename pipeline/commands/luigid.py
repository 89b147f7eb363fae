"""Run Luigi's central scheduler and visualiser on loopback, with its state where only its owner may look."""

from __future__ import annotations

import argparse
import socket
import sys

from pipeline import paths
from pipeline.errors import UsageWrong


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--port", type=int, help="port to listen on (default: [core] scheduler_port of luigi.cfg)")


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted."""
    import luigi.cmdline
    import luigi.interface

    port = luigi.interface.core().scheduler_port if options.port is None else options.port
    _refuse_port(port)
    # luigid unpickles its state file: nobody else may be able to write one.
    state = paths.DATA / "luigid"
    state.mkdir(parents=True, exist_ok=True)
    state.chmod(0o700)
    sys.stderr.write(f"luigid serves http://127.0.0.1:{port}/ — stop it with Ctrl-C\n")
    luigi.cmdline.luigid(["--address", "127.0.0.1", "--port", str(port), "--state-path", str(state / "state.pickle")])
    return 0


def _refuse_port(port: int) -> None:
    """Refuse at once a port that luigid could not listen on: it would end with a traceback, or hang."""
    if not 0 < port < 65536:
        raise UsageWrong(f"--port {port} is not a port: it lies between 1 and 65535.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UsageWrong(f"Port {port} cannot be listened on ({error.strerror}). Is luigid running already?") from None
