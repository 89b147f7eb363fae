"""Settings of the project: section [pipeline] of luigi.cfg, or `--pipeline-…` on the command line."""

import re
import sys
from urllib.parse import urlsplit

import luigi


class AddressParameter(luigi.Parameter[str]):
    """The address of a web server, or nothing. The visualiser makes links of it: what is no plain http or https address is refused."""

    def parse(self, text: str) -> str:
        """Return it without a slash at its end; exits with code 2 where it is none."""
        if text and not _is_address(text):
            sys.stderr.write(
                f"--pipeline-mlflow-ui {text!r}, or [pipeline] mlflow_ui in luigi.cfg, is no address like http://127.0.0.1:5000. "
                "Empty in luigi.cfg, it means no links.\n"
            )
            raise SystemExit(2)  # as argparse does
        return text.rstrip("/")


class pipeline(luigi.Config):  # noqa: N801  # Luigi takes the section's name from the class
    """Where things lie and which market is meant when none is named. None of it is part of a fingerprint."""

    market: str = luigi.Parameter(default="sample", description="The market meant when none is named.")
    raw: str = luigi.Parameter(default="data/raw", description="The folder with a folder of deliveries per market; only read.")
    markets: str = luigi.Parameter(default="", description="A folder with market TOML files of your own; they win over ours.")
    mlflow_ui: str = AddressParameter(default="", description="Where the MLflow UI is served; tasks link to their run there.")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:  # a port that is none, an open bracket
        return False
    is_plain = re.fullmatch(r"[!-~]+", text) is not None and not set(text) & set("\"'<>\\`")
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and is_plain
        and port_is_right
        and not (parts.query or parts.fragment)
    )
