"""Settings of the project: section [pipeline] of luigi.cfg, or `--pipeline-…` on the command line."""

import luigi


class pipeline(luigi.Config):  # noqa: N801  # Luigi takes the section's name from the class
    """Where things lie and which market is meant when none is named. None of it is part of a fingerprint."""

    market: str = luigi.Parameter(default="sample", description="The market meant when none is named.")
    raw: str = luigi.Parameter(default="data/raw", description="The folder with a folder of deliveries per market; only read.")
    markets: str = luigi.Parameter(default="", description="A folder with market TOML files of your own; they win over ours.")
