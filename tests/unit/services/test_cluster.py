"""What is refused before and on a Dask worker, and what becomes of attempts that were given up; real clusters are in tests/acceptance."""

import re
from pathlib import Path

import pytest

from pipeline import ingesting, settings
from pipeline.errors import ClusterFailed, WorkerDiffers
from pipeline.incremental.digests import digest_file
from pipeline.services import cluster
from pipeline.services.addresses import is_scheduler_address

LIBRARIES = ("numpy",)
MODULE = "pipeline.valuation.members"


@pytest.fixture(autouse=True)
def worker(monkeypatch):
    """Be the worker of that address."""
    monkeypatch.setattr(cluster, "_address", lambda: "tcp://10.0.0.5:4711")


def test_a_process_is_described_by_all_that_decides_what_it_computes():
    told = cluster.describe(MODULE, LIBRARIES)
    assert {"machine", "Python", "numpy", "distributed", MODULE, "pipeline.valuation.trees"} <= told.keys()
    assert not any("luigi" in name or "tasks" in name for name in told), "what does not compute does not count"


@pytest.mark.parametrize(
    ("name", "theirs", "message"),
    [
        ("numpy", "0.0.1", r"numpy [\d.]+ there and 0\.0\.1 here"),
        ("Python", "3.9", r"Python 3\.\d+ there and 3\.9 here"),
        ("machine", "Plan9 mips", "machine .+ there and Plan9 mips here"),
        (MODULE, "another digest", f"the code of {MODULE}"),
    ],
)
def test_a_worker_that_computes_otherwise_says_in_what(name, theirs, message):
    ours = {**cluster.describe(MODULE, LIBRARIES), name: theirs}
    with pytest.raises(WorkerDiffers, match=rf"tcp://10\.0\.0\.5:4711 is not as we are.*: {message}\. Install"):
        cluster._call(ours, MODULE, LIBRARIES, f"{MODULE}:shape", (), None)


def test_a_library_that_a_worker_lacks_is_named():
    ours = cluster.describe(MODULE, ("no-such-library",)) | {"no-such-library": "1.0"}
    with pytest.raises(WorkerDiffers, match=re.escape("no-such-library missing there and 1.0 here")):
        cluster._call(ours, MODULE, ("no-such-library",), f"{MODULE}:shape", (), None)


def test_a_worker_that_does_not_see_the_folder_says_so(tmp_path):
    with pytest.raises(ClusterFailed, match=r"does not see .*elsewhere: workers must share the project's file system"):
        cluster._build(tmp_path / "elsewhere", ingesting.ingest_delivery, ())


def test_a_worker_that_reads_another_delivery_says_so(tmp_path):
    (tmp_path / "here.csv").write_text("a,b\n1,2\n")
    (tmp_path / "there.csv").write_text("a,b\n1,3\n")
    with pytest.raises(ClusterFailed, match="workers must share the folder of deliveries"):
        ingesting.ingest_same_delivery(tmp_path, tmp_path / "there.csv", {}, digest_file(tmp_path / "here.csv"))


class OneWorker(cluster.Cluster):
    """A cluster that gave up a worker in the middle, which goes on writing, and asked another."""

    def _map(self, module, function, shared, each):
        given_up = shared[0] / ".attempt-0000"
        given_up.mkdir()
        (given_up / "written.txt").write_text("hal")
        return [function(*shared, one) for one in each]


def write(folder: Path, text: str) -> None:
    """Write the text into a file."""
    (folder / "written.txt").write_text(text)


def test_only_what_the_last_attempt_wrote_is_taken(tmp_path):
    OneWorker("tcp://127.0.0.1:1", 1, ()).build(write, tmp_path, "whole")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"written.txt": "whole"}


@pytest.mark.parametrize("text", ["tcp://127.0.0.1:8786", "tls://dask.example.org:8786", "tcp://[::1]:8786", "tcp://host:1/"])
def test_addresses_of_schedulers(text):
    assert is_scheduler_address(text)


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1:8786", "tcp://", "tcp://host", "tcp://:8786", "tcp://host:0", "tcp://host:99999", "tcp://host:x", "http://host:1",
     "inproc://host:1", "tcp://host:1/path", "tcp://host:1?x", "tcp://a b:1", "tcp://me@host:1", "tcp://[::1:8786", "tcp:host:1", "é"],
)  # fmt: skip
def test_what_is_no_address_of_a_scheduler(text):
    assert not is_scheduler_address(text)


def test_without_the_extra_it_is_said_how_to_install_it(monkeypatch, capsys):
    monkeypatch.setattr(settings, "find_spec", lambda _: None)
    with pytest.raises(SystemExit) as ended:
        settings.SchedulerParameter().parse("tcp://127.0.0.1:8786")
    assert ended.value.code == 2
    assert "pip install -e '.[dask]'" in capsys.readouterr().err
