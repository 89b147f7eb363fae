"""The job as a DAG of Airflow."""

from datetime import datetime

import job
from airflow import DAG
from airflow.operators.python import PythonOperator

with DAG("job", schedule=None, start_date=datetime(2024, 1, 1)) as dag:  # noqa: AIR311, DTZ001  # as 2.9's own examples write it
    tasks = {name: PythonOperator(task_id=name, python_callable=job.run, op_args=[name]) for name in job.STAGES}  # noqa: AIR312
    for name, stage in job.STAGES.items():
        for before in stage.after:
            tasks[before] >> tasks[name]
