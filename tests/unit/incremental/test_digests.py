"""Digests of values and files, and the memory that never trusts a file too young."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from pipeline.incremental import digests
from pipeline.incremental.digests import RACY_NS, DigestMemory, canonical_json, digest_file, digest_value


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_order_of_keys_does_not_change_the_digest_of_a_value():
    assert digest_value({"a": 1, "b": {"c": 2, "d": 3}}) == digest_value({"b": {"d": 3, "c": 2}, "a": 1})


@pytest.mark.parametrize("other", [{"a": 2}, {"a": "1"}, {"a": 1.5}, {"a": None}, {"b": 1}, {"a": [1]}, {"a": True}, {}])
def test_another_value_is_another_digest(other):
    assert digest_value(other) != digest_value({"a": 1})


def test_the_digest_of_a_value_is_the_same_for_ever():
    assert canonical_json({"b": [1, 2.5, None], "a": "é"}) == '{"a":"é","b":[1,2.5,null]}'
    assert digest_value({"a": "é"}) == sha256('{"a":"é"}')


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": {1, 2}}, Path("a")])
def test_what_json_cannot_spell_is_refused(value):
    with pytest.raises((ValueError, TypeError)):
        digest_value(value)


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path):
    (tmp_path / "a").write_text("hello")
    assert digest_file(tmp_path / "a") == sha256("hello")


class TestMemory:
    """What is remembered of files."""

    @pytest.fixture
    def delivery(self, tmp_path: Path) -> Path:
        path = tmp_path / "delivery.csv"
        path.write_text("old")
        return path

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        return tmp_path / "cache" / "files.json"

    @pytest.fixture
    def later(self, monkeypatch: pytest.MonkeyPatch, delivery: Path) -> None:
        """Let so much time pass that the delivery is no longer young."""
        now = delivery.stat().st_ctime_ns + RACY_NS
        monkeypatch.setattr(digests.time, "time_ns", lambda: now)

    def remember(self, path: Path, place: Path) -> str:
        memory = DigestMemory(place)
        digest = memory.digest(path)
        memory.save()
        return digest

    def forbid_hashing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(digests, "digest_file", lambda path: pytest.fail(f"{path} was read again"))

    @pytest.mark.usefixtures("later")
    def test_an_unchanged_file_is_never_read_twice(self, delivery, place, monkeypatch):
        self.remember(delivery, place)
        self.forbid_hashing(monkeypatch)
        assert DigestMemory(place).digest(delivery) == sha256("old")

    @pytest.mark.usefixtures("later")
    def test_it_holds_within_the_process_without_being_saved(self, delivery, place, monkeypatch):
        memory = DigestMemory(place)
        memory.digest(delivery)
        self.forbid_hashing(monkeypatch)
        assert memory.digest(delivery) == sha256("old")

    @pytest.mark.parametrize(("age_ns", "remembered"), [(-RACY_NS, 0), (0, 0), (RACY_NS - 1, 0), (RACY_NS, 1)])
    def test_a_file_hashed_within_two_seconds_of_its_change_is_not_remembered(
        self, delivery, place, monkeypatch, age_ns, remembered
    ):
        monkeypatch.setattr(digests.time, "time_ns", lambda: delivery.stat().st_ctime_ns + age_ns)
        assert self.remember(delivery, place) == sha256("old")
        assert place.exists() == bool(remembered)

    def test_a_young_file_with_an_old_mtime_is_not_remembered_either(self, delivery, place, monkeypatch):
        os.utime(delivery, ns=(0, 0))
        monkeypatch.setattr(digests.time, "time_ns", lambda: delivery.stat().st_ctime_ns + 1)
        self.remember(delivery, place)
        assert not place.exists()

    @pytest.mark.usefixtures("later")
    def test_a_change_is_seen_even_at_the_same_size_and_mtime(self, delivery, place):
        self.remember(delivery, place)
        before = delivery.stat()
        time.sleep(0.05)  # longer than a tick of the file system's clock, as two seconds are for the real rule
        delivery.write_text("new")
        os.utime(delivery, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert delivery.stat().st_mtime_ns == before.st_mtime_ns
        assert DigestMemory(place).digest(delivery) == sha256("new")

    @pytest.mark.usefixtures("later")
    def test_another_file_renamed_into_its_place_is_seen(self, delivery, place, tmp_path):
        (tmp_path / "other").write_text("new")
        before = delivery.stat()
        os.utime(tmp_path / "other", ns=(before.st_atime_ns, before.st_mtime_ns))
        self.remember(delivery, place)
        (tmp_path / "other").replace(delivery)
        assert DigestMemory(place).digest(delivery) == sha256("new")

    def test_a_file_that_is_gone_is_not_remembered_into_being(self, delivery, place):
        self.remember(delivery, place)
        delivery.unlink()
        with pytest.raises(FileNotFoundError):
            DigestMemory(place).digest(delivery)

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'{"x": 1}'])
    @pytest.mark.usefixtures("later")
    def test_a_damaged_memory_costs_only_hashing_again(self, delivery, place, content):
        place.parent.mkdir()
        place.write_bytes(content)
        assert self.remember(delivery, place) == sha256("old")
        assert str(delivery) in json.loads(place.read_bytes())

    @pytest.mark.usefixtures("later")
    def test_saving_leaves_nothing_beside_the_memory(self, delivery, place):
        self.remember(delivery, place)
        assert [path.name for path in place.parent.iterdir()] == ["files.json"]

    def test_nothing_learnt_is_nothing_written(self, place):
        DigestMemory(place).save()
        assert not place.parent.exists()
