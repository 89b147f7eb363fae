"""A task on the incremental layer alone: what its result depends on, and what a failure leaves behind."""

import contextlib
import json
from pathlib import Path

import luigi
import pytest
from luigi.task_register import Register

from pipeline.incremental import store, task
from pipeline.incremental.errors import InputChanged, UserError
from pipeline.incremental.manifest import NAME
from pipeline.incremental.task import IncrementalTask
from pipeline.incremental.workspace import Workspace

TESTS = Path(__file__).parents[2]


class TooHot(UserError):
    """An error that the user can mend."""

    exit_code = 7


class Toy(IncrementalTask):
    """What every task here has: a workspace below `root`."""

    root: str = luigi.Parameter(significant=False)

    def workspace(self):
        return Workspace("tests", TESTS, Path(self.root) / "data", skipped=())


class Copy(Toy):
    """Copies a file and counts its letters."""

    suffix: str = luigi.Parameter(default="!")
    label: str = luigi.Parameter(default="")
    threads: int = luigi.IntParameter(default=1, significant=False)
    outside_fingerprint = frozenset({"label"})
    libraries = ("luigi",)

    def files(self):
        return {"source": Path(self.root) / "source.txt"}

    def settings(self):
        return {"mood": (Path(self.root) / "mood.txt").read_text()}

    def build(self, folder):
        text = self.files()["source"].read_text()
        (folder / "text.txt").write_text(text + self.suffix)
        (folder / "count.txt").write_text(str(len(text)))


class Count(Toy):
    """Reads one of the two files of Copy."""

    consumes = {"Copy": ("count.txt",)}

    def requires(self):
        return Copy(root=self.root)

    def build(self, folder):
        (copy,) = self.deps()
        (folder / "double.txt").write_text(str(2 * int((copy.folder / "count.txt").read_text())))


class Failing(Toy):
    """Fails after it wrote something."""

    def build(self, folder):
        (folder / "half.txt").write_text("half")
        raise TooHot("Let it cool down.")


class Meddling(Toy):
    """Changes, while it runs, what it reads."""

    def files(self):
        return {"source": Path(self.root) / "source.txt"}

    def build(self, folder):
        (folder / "text.txt").write_text(self.files()["source"].read_text())
        self.files()["source"].write_text("changed meanwhile")


class Bare(Toy):
    """Says not even how it is built."""


class Homeless(IncrementalTask):
    """Says not even where it works."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "source.txt").write_text("hello")
    (tmp_path / "mood.txt").write_text("good")
    return tmp_path


def fresh(cls: type[Toy], root: Path, **parameters) -> Toy:
    """Return the task as a new process would see it."""
    Register.clear_instance_cache()
    return cls(root=str(root), **parameters)


def run(cls: type[Toy], root: Path, **parameters) -> Toy:
    built = fresh(cls, root, **parameters)
    for dependency in built.deps():
        dependency.run()
    built.run()
    return built


def results(root: Path, family: str) -> list[Path]:
    return sorted((root / "data" / family).iterdir())


def test_a_task_must_say_how_it_is_built(root):
    with pytest.raises(TypeError, match=r"Bare does not say how .* is built"):
        run(Bare, root)


def test_a_task_must_say_where_it_works():
    with pytest.raises(TypeError, match="Homeless does not say what its workspace is"):
        Homeless().complete()


class TestComplete:
    """A task is complete when the result of today's recipe lies in its place."""

    def test_a_task_is_incomplete_until_it_ran(self, root):
        assert not fresh(Copy, root).complete()
        assert run(Copy, root).complete()
        assert fresh(Copy, root).complete()
        assert fresh(Copy, root).output().exists()

    def test_its_folder_holds_what_build_wrote_and_the_manifest(self, root):
        built = run(Copy, root)
        assert sorted(path.name for path in built.folder.iterdir()) == ["count.txt", NAME, "text.txt"]
        assert (built.folder / "text.txt").read_text() == "hello!"
        assert set(built.manifest.files) == {"count.txt", "text.txt"}
        assert built.manifest.task == "Copy"

    def test_the_manifest_tells_the_recipe_that_its_fingerprint_is_of(self, root):
        manifest = run(Copy, root).manifest
        assert task.digest_value(manifest.recipe) == manifest.fingerprint
        assert manifest.recipe["parameters"] == {"suffix": "!"}
        assert manifest.recipe["settings"] == {"mood": "good"}
        assert set(manifest.recipe["libraries"]) == {"luigi"}
        assert "tests.unit.incremental.test_task.Copy" in manifest.recipe["code"]

    def test_an_incomplete_task_has_no_folder_and_no_manifest(self, root):
        for name in ("folder", "manifest"):
            with pytest.raises(LookupError, match="has no result yet"):
                getattr(fresh(Copy, root), name)

    @pytest.mark.parametrize("name", ["source.txt", "mood.txt"], ids=["a file it reads", "a setting"])
    def test_a_change_of_what_it_reads_makes_it_incomplete(self, root, name):
        run(Copy, root)
        (root / name).write_text("other")
        assert not fresh(Copy, root).complete()

    def test_going_back_finds_the_earlier_result(self, root):
        run(Copy, root)
        (root / "source.txt").write_text("other")
        run(Copy, root)
        (root / "source.txt").write_text("hello")
        assert fresh(Copy, root).complete()

    def test_another_parameter_is_another_result(self, root):
        run(Copy, root)
        assert not fresh(Copy, root, suffix="?").complete()

    @pytest.mark.parametrize("parameters", [{"threads": 2}, {"label": "other"}], ids=["insignificant", "outside"])
    def test_a_parameter_that_does_not_decide_the_bytes_is_no_reason_to_run(self, root, parameters):
        run(Copy, root)
        assert fresh(Copy, root, **parameters).complete()

    def test_another_version_of_a_library_makes_it_incomplete(self, root, monkeypatch):
        run(Copy, root)
        monkeypatch.setattr(task, "_version", lambda name: "99")
        assert not fresh(Copy, root).complete()

    def test_other_code_makes_it_incomplete(self, root, monkeypatch):
        run(Copy, root)
        monkeypatch.setattr(Workspace, "digest_class", lambda self, cls: {"tests": "other"})
        assert not fresh(Copy, root).complete()

    def test_a_false_is_asked_again_and_a_true_is_kept(self, root):
        asked = fresh(Copy, root)
        assert not asked.complete()
        asked.run()
        (root / "source.txt").unlink()
        assert asked.complete()

    def test_a_file_that_it_reads_and_that_is_gone_is_for_the_user_to_mend(self, root):
        (root / "source.txt").unlink()
        with pytest.raises(InputChanged, match=r"Copy: cannot read .*source\.txt"):
            fresh(Copy, root).complete()


class TestDependencies:
    """Of a dependency only the bytes count that are consumed."""

    def test_a_task_is_incomplete_while_its_dependency_is(self, root):
        run(Count, root)
        (root / "source.txt").write_text("other, longer")
        assert not fresh(Count, root).complete()

    def test_another_output_that_is_not_consumed_is_no_reason_to_run(self, root):
        run(Count, root)
        (root / "source.txt").write_text("HELLO")
        run(Copy, root)
        assert fresh(Count, root).complete()

    def test_another_output_that_is_consumed_is(self, root):
        run(Count, root)
        (root / "source.txt").write_text("other, longer")
        run(Copy, root)
        assert not fresh(Count, root).complete()

    def test_they_are_decided_once(self, root, monkeypatch):
        counting = fresh(Count, root)
        before = counting.deps()
        monkeypatch.setattr(Count, "requires", lambda self: [])
        assert counting.deps() == before != []


class TestRun:
    """Building, and what remains when it does not work."""

    def test_a_result_that_is_there_is_not_built_again(self, root, monkeypatch):
        run(Copy, root)
        monkeypatch.setattr(Copy, "build", lambda *_: pytest.fail("built again"))
        fresh(Copy, root).run()

    def test_what_follows_a_commit_follows_a_reuse_too(self, root, monkeypatch):
        followed = []
        monkeypatch.setattr(Copy, "after_commit", lambda self: followed.append(self.folder))
        run(Copy, root)
        run(Copy, root)
        assert len(followed) == 2

    def test_a_failing_build_leaves_nothing_behind(self, root):
        with pytest.raises(TooHot):
            run(Failing, root)
        assert results(root, "failing") == []
        assert list((root / "data/locks").iterdir()) == []
        assert not fresh(Failing, root).complete()

    def test_a_build_that_is_interrupted_leaves_nothing_behind(self, root, monkeypatch):
        monkeypatch.setattr(Copy, "build", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(Copy, root)
        assert results(root, "copy") == []

    def test_what_a_killed_build_left_is_swept_away(self, root):
        place = run(Copy, root).folder
        store.remove(place)
        (store.new_folder(place) / "half.txt").write_text("half")
        run(Copy, root)
        assert results(root, "copy") == [place]

    def test_a_damaged_result_is_set_aside_and_built_again(self, root):
        place = run(Copy, root).folder
        (place / "text.txt").chmod(0o644)
        (place / "text.txt").write_text("altered")
        assert not fresh(Copy, root).complete()
        assert run(Copy, root).folder == place
        assert (place / "text.txt").read_text() == "hello!"
        aside, again = results(root, "copy")
        assert again == place
        assert (aside / "text.txt").read_text() == "altered"

    def test_a_place_whose_manifest_is_of_another_fingerprint_does_not_count(self, root):
        place = run(Copy, root).folder
        fields = json.loads((place / NAME).read_text())
        (place / NAME).chmod(0o644)
        (place / NAME).write_text(json.dumps({**fields, "fingerprint": fields["fingerprint"][:16] + "0" * 48}))
        assert not fresh(Copy, root).complete()

    def test_nothing_is_committed_when_a_file_changed_while_it_ran(self, root):
        with pytest.raises(InputChanged, match=r"Meddling: its files changed while it ran \(source\)"):
            run(Meddling, root)
        assert results(root, "meddling") == []

    def test_nothing_is_committed_when_a_file_went_away_while_it_ran(self, root, monkeypatch):
        monkeypatch.setattr(Copy, "build", lambda self, folder: self.files()["source"].unlink())
        with pytest.raises(InputChanged, match="Copy: an input or the code went away while it ran"):
            run(Copy, root)
        assert results(root, "copy") == []

    def test_nothing_is_committed_when_the_code_changed_while_it_ran(self, root, monkeypatch):
        now = Workspace.digest_class_now
        monkeypatch.setattr(Workspace, "digest_class_now", lambda self, cls: {**now(self, cls), "tests.more": "new"})
        with pytest.raises(InputChanged, match=r"Copy: its code changed while it ran \(tests\.more\)"):
            run(Copy, root)
        assert results(root, "copy") == []

    def test_nothing_is_committed_when_a_file_changed_while_it_waited_for_the_lock(self, root, monkeypatch):
        @contextlib.contextmanager
        def wait(path, on_wait):
            (root / "source.txt").write_text("changed meanwhile")
            yield

        monkeypatch.setattr(store, "locked", wait)
        with pytest.raises(InputChanged, match="its files changed while it ran"):
            run(Copy, root)
        assert results(root, "copy") == []


class TestTelling:
    """What a person gets to see."""

    def test_an_error_for_the_user_shows_as_its_code_and_message(self, root):
        assert fresh(Copy, root).on_failure(TooHot("Let it cool down.")) == "user error 7: Let it cool down."

    def test_any_other_error_shows_its_traceback(self, root):
        try:
            int("boom")
        except ValueError as error:
            text = fresh(Copy, root).on_failure(error)
        assert text.startswith("Runtime error:\nTraceback")
        assert "boom" in text

    def test_outside_luigi_it_is_told_to_nobody(self, root):
        fresh(Copy, root).tell("halfway", 0.5)

    def test_within_luigi_message_and_share_are_handed_over(self, root):
        told = []
        telling = fresh(Copy, root)
        telling.set_status_message = telling.set_progress_percentage = told.append
        telling.tell("halfway", 0.5)
        telling.tell("still there")
        assert told == ["halfway", 50, "still there"]
