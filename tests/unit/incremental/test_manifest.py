"""The record of what made a result, and whether its files are still whole."""

import json
import os
from pathlib import Path

import pytest

from pipeline.incremental.digests import DigestMemory, digest_file, digest_value
from pipeline.incremental.errors import ResultDamaged
from pipeline.incremental.manifest import NAME, FileRecord, Manifest, read_checked


def record(path: Path) -> FileRecord:
    return FileRecord(digest_file(path), path.stat().st_size, path.stat().st_mtime_ns)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A committed result of two files."""
    folder = tmp_path / "result"
    folder.mkdir()
    for name, text in {"a.txt": "hello", "b.txt": "world"}.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def manifest(folder: Path) -> Manifest:
    recipe = {"parameters": {"market": "Übersee"}, "code": {}}
    manifest = Manifest(
        task="Clean",
        fingerprint=digest_value(recipe),
        recipe=recipe,
        files={name: record(folder / name) for name in ("a.txt", "b.txt")},
        run="20240101T000000-1",
        started_at="2024-01-01T00:00:00+00:00",
        duration_s=0.5,
    )
    manifest.write(folder)
    return manifest


def damage(manifest: Manifest, folder: Path) -> str | None:
    return manifest.damage(folder, DigestMemory(folder.parent / "files.json"))


def test_a_manifest_comes_back_as_it_was_written(folder, manifest):
    assert Manifest.read(folder) == manifest


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b"null", b'{"files": {}}', b'{"files": []}', b'{"files": {"a.txt": {}}}', b"\xff\xfe"],
)
def test_a_manifest_that_cannot_be_understood_is_none(folder, content):
    (folder / NAME).write_bytes(content)
    assert Manifest.read(folder) is None


@pytest.mark.parametrize("name", ["../a.txt", "/etc/passwd", "a/../../b", "..", "", "a\0b", "a\nb"])
def test_a_manifest_that_names_what_lies_outside_is_none(folder, manifest, name):
    fields = json.loads((folder / NAME).read_text())
    record = next(iter(fields["files"].values()))
    (folder / NAME).write_text(json.dumps({**fields, "files": {name: record}}))
    assert Manifest.read(folder) is None


def test_a_manifest_with_a_part_more_or_less_is_none(folder, manifest):
    fields = json.loads((folder / NAME).read_text())
    for changed in ({**fields, "more": 1}, {name: value for name, value in fields.items() if name != "run"}):
        (folder / NAME).write_text(json.dumps(changed))
        assert Manifest.read(folder) is None


@pytest.mark.parametrize("recipe", [{}, {"parameters": {"market": "uk"}, "code": {}}, {"parameters": "\ud800"}])
def test_a_manifest_whose_recipe_is_not_that_of_its_fingerprint_is_none(folder, manifest, recipe):
    fields = json.loads((folder / NAME).read_text())
    (folder / NAME).write_text(json.dumps({**fields, "recipe": recipe}))
    assert Manifest.read(folder) is None


def test_a_folder_without_a_manifest_or_no_folder_has_none(tmp_path):
    assert Manifest.read(tmp_path) is None
    assert Manifest.read(tmp_path / "nowhere") is None


class TestDamage:
    """What is found wrong with files."""

    def test_whole_files_are_not_read(self, folder, manifest, monkeypatch):
        monkeypatch.setattr(DigestMemory, "digest", lambda *_: pytest.fail("read"))
        assert damage(manifest, folder) is None

    def test_a_file_of_another_size_is_damaged(self, folder, manifest):
        (folder / "a.txt").write_text("hello!")
        assert damage(manifest, folder) == "a.txt has 6 bytes instead of 5"

    def test_a_file_that_is_gone_is_damage(self, folder, manifest):
        (folder / "b.txt").unlink()
        assert damage(manifest, folder) == "b.txt is missing"

    def test_a_file_of_the_same_size_and_other_content_is_damaged(self, folder, manifest):
        (folder / "a.txt").write_text("HELLO")
        os.utime(folder / "a.txt", ns=(0, 0))
        assert damage(manifest, folder) == "a.txt has other content than was committed"

    def test_a_restored_copy_is_fine(self, folder, manifest):
        (folder / "a.txt").write_text("hello")
        os.utime(folder / "a.txt", ns=(0, 0))
        assert damage(manifest, folder) is None

    def test_a_file_more_is_none_of_our_business(self, folder, manifest):
        (folder / "notes.txt").write_text("mine")
        assert damage(manifest, folder) is None


def test_consumers_digest_only_the_files_they_name(manifest):
    everything = manifest.digests(None)
    assert set(everything) == {"a.txt", "b.txt"}
    assert manifest.digests(("b.txt",)) == {"b.txt": everything["b.txt"]}
    assert manifest.digests(()) == {}


def test_checked_bytes_are_those_that_were_committed(folder, manifest):
    assert read_checked(folder, "a.txt") == b"hello"


def test_bytes_altered_at_the_same_size_and_mtime_are_refused(folder, manifest):
    (folder / "a.txt").write_text("HELLO")
    mtime_ns = manifest.files["a.txt"].mtime_ns
    os.utime(folder / "a.txt", ns=(mtime_ns, mtime_ns))
    with pytest.raises(ResultDamaged, match=r"a\.txt was altered after it was committed"):
        read_checked(folder, "a.txt")


def test_a_file_that_the_manifest_does_not_name_is_refused(folder, manifest):
    (folder / "c.txt").write_text("slipped in")
    with pytest.raises(ResultDamaged, match=r"no manifest that names c\.txt"):
        read_checked(folder, "c.txt")


def test_a_committed_file_that_is_gone_is_refused(folder, manifest):
    (folder / "a.txt").unlink()
    with pytest.raises(ResultDamaged, match=r"a\.txt cannot be read"):
        read_checked(folder, "a.txt")
