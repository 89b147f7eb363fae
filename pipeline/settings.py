"""Settings of the project: section [pipeline] of luigi.cfg, or `--pipeline-…` on the command line."""

import luigi


class pipeline(luigi.Config):  # noqa: N801  # Luigi takes the section's name from the class
    """Where things lie and which market is meant when none is named. None of it is part of a fingerprint."""

    market: str = luigi.Parameter(default="sample", description="The market meant when none is named.")
    raw: str = luigi.Parameter(default="data/raw", description="The folder with a folder of deliveries per market; only read.")
    markets: str = luigi.Parameter(default="", description="A folder with market TOML files of your own; they win over ours.")


class nightly(luigi.Config):  # noqa: N801
    """What `python -m pipeline nightly` and `backfill` may do on their own."""

    max_seconds: int = luigi.IntParameter(default=14400, description="Seconds after which the run of one market's night is ended.")
    catch_up: int = luigi.IntParameter(default=7, description="Most missed nights that are made up for before tonight's.")
    keep_runs: int = luigi.IntParameter(default=30, description="Runs whose results stay; 0: nothing is ever dropped.")
    keep_logs: int = luigi.IntParameter(default=90, description="Nightly logs that stay.")
    poll_seconds: float = luigi.FloatParameter(default=20.0, description="How often an awaited delivery is looked for.")
