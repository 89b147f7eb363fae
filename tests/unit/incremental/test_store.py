"""Places on disk: all files of a result at once or none, and one builder at a time."""

import contextlib
import os
import select
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.incremental import store

HOLD = """
import sys
from pathlib import Path
from pipeline.incremental import store
print("ready", flush=True)
with store.locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
print("released", flush=True)
"""


def build(place: Path, text: str = "content") -> Path:
    folder = store.new_folder(place)
    (folder / "deep").mkdir()
    (folder / "a.txt").write_text(text)
    (folder / "deep/b.txt").write_text(text)
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestCommit:
    """Making a folder a result."""

    def test_all_files_appear_at_their_place_together(self, tmp_path):
        place = tmp_path / "clean" / "0123"
        folder = build(place)
        assert not place.exists()
        assert store.commit(folder, place)
        assert (place / "a.txt").read_text() == (place / "deep/b.txt").read_text() == "content"
        assert list(place.parent.iterdir()) == [place]

    def test_a_result_is_read_only(self, tmp_path):
        place = tmp_path / "0123"
        store.commit(build(place), place)
        assert mode(place) == mode(place / "deep") == 0o555
        assert mode(place / "a.txt") == mode(place / "deep/b.txt") == 0o444

    def test_the_loser_throws_its_copy_away(self, tmp_path):
        place = tmp_path / "0123"
        winner, loser = build(place, "winner"), build(place, "loser")
        assert store.commit(winner, place)
        assert not store.commit(loser, place)
        assert (place / "a.txt").read_text() == "winner"
        assert list(tmp_path.iterdir()) == [place]

    def test_a_place_taken_by_a_file_is_an_error_and_not_a_lost_race(self, tmp_path):
        place = tmp_path / "0123"
        folder = build(place)
        place.write_text("in the way")
        with pytest.raises(OSError, match="0123"):
            store.commit(folder, place)
        assert folder.exists()

    def test_everything_is_on_disk_before_the_rename(self, tmp_path, monkeypatch):
        synced = []
        sync = os.fsync
        monkeypatch.setattr(store.os, "fsync", lambda handle: (synced.append(os.fstat(handle).st_ino), sync(handle)))
        place = tmp_path / "0123"
        folder = build(place)
        files = {path.stat().st_ino for path in (folder, *folder.rglob("*"))}
        rename = Path.rename
        before_rename = []
        monkeypatch.setattr(Path, "rename", lambda *paths: (before_rename.extend(synced), rename(*paths))[1])
        store.commit(folder, place)
        assert files <= set(before_rename)
        assert tmp_path.stat().st_ino in set(synced) - set(before_rename)

    def test_two_builders_of_one_place_have_folders_of_their_own_beside_it(self, tmp_path):
        place = tmp_path / "clean" / "0123"
        folders = {store.new_folder(place), store.new_folder(place)}
        assert len(folders) == 2
        assert {folder.parent for folder in folders} == {place.parent}
        assert all(folder.name.startswith(".") for folder in folders)


class TestRemains:
    """What killed builds and damaged results leave behind."""

    def test_a_damaged_result_is_kept_aside(self, tmp_path):
        place = tmp_path / "0123"
        store.commit(build(place), place)
        aside = store.set_aside(place)
        assert not place.exists()
        assert aside.parent == tmp_path
        assert aside.name.startswith(".damaged-0123-")
        assert (aside / "a.txt").read_text() == "content"

    def test_two_damaged_results_of_one_place_are_both_kept(self, tmp_path):
        place = tmp_path / "0123"
        for text in ("first", "second"):
            store.commit(build(place, text), place)
            store.set_aside(place)
        assert sorted((aside / "a.txt").read_text() for aside in tmp_path.iterdir()) == ["first", "second"]

    def test_what_killed_builds_left_is_swept_away(self, tmp_path):
        place = tmp_path / "0123"
        build(place)
        half_committed = build(place)
        (half_committed / "deep").chmod(0o555)
        half_committed.chmod(0o555)
        store.sweep(place)
        assert list(tmp_path.iterdir()) == []

    def test_sweeping_leaves_results_other_builds_and_damaged_ones(self, tmp_path):
        place, other = tmp_path / "0123", tmp_path / "4567"
        store.commit(build(place), place)
        aside = store.set_aside(place)
        store.commit(build(place), place)
        building = build(other)
        store.sweep(place)
        assert set(tmp_path.iterdir()) == {place, aside, building}

    def test_a_committed_result_can_be_removed(self, tmp_path):
        place = tmp_path / "0123"
        store.commit(build(place), place)
        store.remove(place)
        assert list(tmp_path.iterdir()) == []


class TestReplaceText:
    """Small files that readers never see half written."""

    def test_the_text_is_replaced_and_nothing_is_left_beside_it(self, tmp_path):
        path = tmp_path / "current" / "uk.json"
        for text in ("old", "new é"):
            store.replace_text(path, text)
            assert path.read_text(encoding="utf-8") == text
        assert list(path.parent.iterdir()) == [path]

    def test_a_reader_that_has_it_open_keeps_the_old_text(self, tmp_path):
        path = tmp_path / "uk.json"
        store.replace_text(path, "old")
        with path.open() as stream:
            store.replace_text(path, "new")
            assert stream.read() == "old"

    def test_when_it_fails_the_old_text_stays(self, tmp_path, monkeypatch):
        path = tmp_path / "uk.json"
        store.replace_text(path, "old")
        monkeypatch.setattr(store.os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            store.replace_text(path, "new")
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize(("swept", "text"), [(1, "new"), (2, "old")])
    def test_a_draft_that_another_run_swept_away_is_written_once_more(self, tmp_path, monkeypatch, swept, text):
        path, real, drafts = tmp_path / "uk.json", Path.replace, []
        store.replace_text(path, "old")

        def sweep(draft, target):
            drafts.append(draft)
            if len(drafts) <= swept:
                draft.unlink()
            return real(draft, target)

        monkeypatch.setattr(Path, "replace", sweep)
        with contextlib.nullcontext() if text == "new" else pytest.raises(FileNotFoundError):
            store.replace_text(path, "new")
        assert path.read_text() == text
        assert list(tmp_path.iterdir()) == [path]
        assert len(set(drafts)) == 2


class AnotherProcess(contextlib.AbstractContextManager["AnotherProcess"]):
    """A process that says when it is about to take a lock, takes it, and holds it until it is told to release it."""

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-c", HOLD, str(path)]
        # Without buffers, `select` sees all that was not read yet.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        assert self.says() == "ready"

    def says(self) -> str:
        return self._process.stdout.readline().decode().strip()

    def is_silent(self, seconds: float) -> bool:
        return not select.select([self._process.stdout], [], [], seconds)[0]

    def release(self) -> None:
        self._process.stdin.write(b"\n")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._process.stdin.close()
        self._process.stdout.close()


class TestLock:
    """One builder at a time."""

    def test_the_file_of_a_lock_that_nobody_holds_is_gone(self, tmp_path):
        path = tmp_path / "locks" / "a.lock"
        with store.locked(path):
            assert path.exists()
        assert list(path.parent.iterdir()) == []

    def test_it_is_released_when_its_holder_fails(self, tmp_path):
        path = tmp_path / "a.lock"
        with pytest.raises(ValueError, match="failed"), store.locked(path):
            raise ValueError("failed")
        with store.locked(path):
            pass

    def test_another_process_waits_for_it_and_then_has_it(self, tmp_path):
        path = tmp_path / "a.lock"
        with AnotherProcess(path) as first:
            assert first.says() == "held"
            with AnotherProcess(path) as second:
                assert second.is_silent(0.5)
                first.release()
                assert first.says() == "released"
                assert second.says() == "held"
                assert path.exists()

    def test_it_is_free_again_when_its_holder_was_killed(self, tmp_path):
        path = tmp_path / "a.lock"
        with AnotherProcess(path) as holder:
            assert holder.says() == "held"
            holder.kill()
            with store.locked(path):
                assert path.exists()

    def test_of_many_that_want_it_one_has_it_at_a_time(self, tmp_path):
        inside: list[int] = []

        def enter(number: int) -> int:
            with store.locked(tmp_path / "a.lock"):
                inside.append(number)
                time.sleep(0.002)
                together = len(inside)
                inside.remove(number)
            return together

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(enter, range(50))) == {1}
        assert list(tmp_path.iterdir()) == []

    def test_who_only_looks_makes_nobody_wait(self, tmp_path):
        path, is_over = tmp_path / "a.lock", threading.Event()

        def look() -> None:
            while not is_over.is_set():
                store.is_held(path)

        def refuse() -> None:
            raise AssertionError("nobody holds it")

        with ThreadPoolExecutor(1) as pool:
            looking = pool.submit(look)
            try:
                for _ in range(300):
                    with store.locked(path, refuse):
                        pass
            finally:
                is_over.set()
        looking.result()

    def test_a_sweep_takes_no_lock_away_that_was_taken_since_it_looked(self, tmp_path, monkeypatch):
        path, unlink = tmp_path / "locks" / "champion-uk.lock", Path.unlink
        path.parent.mkdir()
        path.touch()
        with contextlib.ExitStack() as others:
            wanting: list[AnotherProcess] = []

            def be_late(left: Path, *told: bool, **more: bool) -> None:
                monkeypatch.setattr(Path, "unlink", unlink)
                wanting.append(others.enter_context(AnotherProcess(path)))
                wanting[0].is_silent(0.3)
                unlink(left, *told, **more)

            monkeypatch.setattr(Path, "unlink", be_late)
            store.sweep_all(tmp_path, (), frozenset())
            assert wanting[0].says() == "held"
            assert store.is_held(path), "a third would get in beside it"

    def test_two_locks_do_not_wait_for_each_other(self, tmp_path):
        with store.locked(tmp_path / "a.lock"), AnotherProcess(tmp_path / "b.lock") as other:
            assert other.says() == "held"


def test_sweeping_takes_what_killed_runs_left_and_nothing_else(tmp_path):
    data, models = tmp_path / "data", tmp_path / "models"
    kept = [
        "clean/0123456789abcdef/a.parquet",
        "current/uk.json",
        "raw/uk/.night.csv.0123abcd",
        "raw/.building-x/a",
        "mlflow/.keep",
    ]
    gone = [
        "clean/.building-0123456789abcdef-01/a",
        "current/.uk.json.0123abcd",
        "mlflow/receipts/.a.json.0123abcd",
        "locks/a.lock",
    ]
    gone += ["mlflow/.mlflow.db.0123abcd", "mlflow/.mlflow.db.0123abcd-journal"]
    for name in [*kept, *gone]:
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("x")
    (models / ".building-0123456789abcdef-01").mkdir(parents=True)
    with store.locked(data / "locks/held.lock"):
        store.sweep_all(data, (models,), frozenset({"raw"}))
        left = {path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file()}
    assert left == {*kept, "locks/held.lock"}
    assert list(models.iterdir()) == []
