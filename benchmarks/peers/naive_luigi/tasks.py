"""The job under Luigi as tutorials write it: a task is complete when its files exist."""

import job
import luigi


class Run(luigi.Task):
    """One stage."""

    stage = luigi.Parameter(default="report")

    def requires(self):
        """Need the stages before it."""
        return [Run(stage=name) for name in job.STAGES[self.stage].after]

    def output(self):
        """Name its files."""
        return [luigi.LocalTarget(job.OUT / self.stage / name) for name in job.STAGES[self.stage].files]

    def run(self):
        """Run it."""
        job.run(self.stage)
