"""Settings of the project: sections [pipeline], [dask], [nightly], [dashboard] and [alerts] of luigi.cfg, or `--pipeline-…` and `--alerts-…` on the command line."""

import sys
from functools import cache
from importlib.util import find_spec

import luigi
from luigi.cmdline_parser import CmdlineParser

from pipeline.services.addresses import is_scheduler_address, is_web_address


class AddressParameter(luigi.Parameter[str]):
    """The address of a web server, or nothing. The visualiser makes links of it: what is no plain http or https address is refused."""

    def parse(self, text: str) -> str:
        """Return it without a slash at its end; exits with code 2 where it is none."""
        if text and (not is_web_address(text) or set(text) & set("?#")):
            sys.stderr.write(
                f"--pipeline-mlflow-ui {text!r}, or [pipeline] mlflow_ui in luigi.cfg, is no address like http://127.0.0.1:5000. "
                "Empty in luigi.cfg, it means no links.\n"
            )
            raise SystemExit(2)  # as argparse does
        return text.rstrip("/")


class SchedulerParameter(luigi.Parameter[str]):
    """The address of a Dask scheduler, or nothing."""

    def parse(self, text: str) -> str:
        """Return it; exits with code 2 where it is none, or where Dask is not installed."""
        if text and not is_scheduler_address(text):
            sys.stderr.write(
                f"--dask-scheduler {text!r}, or [dask] scheduler in luigi.cfg, is no address like tcp://127.0.0.1:8786 or tls://dask.example.org:8786. "
                "Empty in luigi.cfg, it means that this machine does all the work.\n"
            )
            raise SystemExit(2)  # as argparse does
        if text and not find_spec("distributed"):
            sys.stderr.write(f"[dask] scheduler is {text}, and Dask is not installed here: pip install -e '.[dask]'\n")
            raise SystemExit(2)
        return text


class pipeline(luigi.Config):  # noqa: N801  # Luigi takes the section's name from the class
    """Where things lie and which market is meant when none is named. None of it is part of a fingerprint."""

    market: str = luigi.Parameter(default="sample", description="The market meant when none is named.")
    raw: str = luigi.Parameter(default="data/raw", description="The folder with a folder of deliveries per market; only read.")
    markets: str = luigi.Parameter(default="", description="A folder with market TOML files of your own; they win over ours.")
    mlflow_ui: str = AddressParameter(default="", description="Where the MLflow UI is served; tasks link to their run there.")


class dask(luigi.Config):  # noqa: N801
    """The Dask cluster that ingests deliveries and fits folds, where there is one. None of it is part of a fingerprint."""

    scheduler: str = SchedulerParameter(default="", description="Its scheduler's address, tcp://HOST:PORT; empty: none.")
    wait_seconds: int = luigi.IntParameter(default=60, description="Seconds to wait for a worker where none is left.")


@cache
def read_dask(_command_line: CmdlineParser | None) -> dask:
    """Return the settings of Dask, read once for a command line: thousands of tasks ask for them."""
    return dask()


class nightly(luigi.Config):  # noqa: N801
    """What `python -m pipeline nightly` and `backfill` may do on their own."""

    max_seconds: int = luigi.IntParameter(
        default=14400, description="Seconds after which the run of one market's night is ended."
    )
    catch_up: int = luigi.IntParameter(default=7, description="Most missed nights that are made up for before tonight's.")
    keep_runs: int = luigi.IntParameter(default=30, description="Runs whose results stay; 0: nothing is ever dropped.")
    keep_logs: int = luigi.IntParameter(default=90, description="Nightly logs that stay.")
    poll_seconds: float = luigi.FloatParameter(default=20.0, description="How often an awaited delivery is looked for.")


class dashboard(luigi.Config):  # noqa: N801
    """What readers of the dashboard may do."""

    operators: str = luigi.Parameter(
        default="", description="Who may roll back there: addresses of signed-in people with commas between, or * for anyone."
    )


class alerts(luigi.Config):  # noqa: N801  # Luigi takes the section's name from the class
    """Whom to tell what is wrong, and how. All is text: a slip here must not end a night, and is told by `pipeline.alerts`."""

    mail_to: str = luigi.Parameter(default="", description="Who gets mail, addresses with commas between; none without.")
    mail_from: str = luigi.Parameter(default="", description="The sender (default: the first of mail_to).")
    smtp_host: str = luigi.Parameter(default="", description="The mail server.")
    smtp_port: str = luigi.Parameter(default="", description="Its port (default: 25, 587 or 465 by smtp_security).")
    smtp_security: str = luigi.Parameter(default="starttls", description="none, starttls or ssl.")
    smtp_user: str = luigi.Parameter(default="", description="The user to log in as; no login without.")
    smtp_password_variable: str = luigi.Parameter(default="", description="The environment variable that holds the password.")
    webhook: str = luigi.Parameter(default="", description="An address that takes JSON: Slack, ntfy or your own.")
    webhook_variable: str = luigi.Parameter(default="", description="The environment variable that holds that address instead.")
    webhook_topic: str = luigi.Parameter(default="", description="The topic, where the address is that of an ntfy server.")
    timeout_seconds: str = luigi.Parameter(default="10", description="How long to wait for each answer of a server.")
