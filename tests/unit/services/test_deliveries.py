"""Which raw files are deliveries, in which order they count, and what their names say."""

from datetime import date
from pathlib import Path

import pytest

from pipeline.errors import FolderUnreadable
from pipeline.market import Files
from pipeline.services.deliveries import begin_history, list_deliveries, night_of, stem_of


def names(folder: Path, files: Files | None = None, as_of: date | None = None) -> list[str]:
    return [delivery.name for delivery in list_deliveries(folder, files or Files(), as_of)]


def touch(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


@pytest.mark.parametrize(
    ("file_name", "night"),
    [
        ("2024-02-29.csv", "2024-02-29"),
        ("scrape_2024-02-29_full.csv", "2024-02-29"),
        ("2023-02-29.csv", ""),
        ("2024-13-01_2024-12-01.csv", "2024-12-01"),
        ("12024-02-291.csv", ""),
        ("20240229.csv", ""),
        ("ford.csv", ""),
    ],
)
def test_the_night_is_the_first_valid_iso_date_in_the_name(file_name, night):
    assert night_of(file_name) == night


@pytest.mark.parametrize(
    ("name", "stem"), [("ford.csv", "ford"), ("a/b/ford.csv", "ford"), ("ford.csv.gz", "ford"), ("2024-01-01.csv", "2024-01-01")]
)
def test_the_stem_is_the_name_without_folders_and_endings(name, stem):
    assert stem_of(name) == stem


def test_undated_deliveries_come_first_and_the_others_by_night_and_name(tmp_path):
    touch(tmp_path, "2024-01-02.csv", "b_2024-01-01.csv", "a_2024-01-01.csv", "zzz.csv", "old/2023-12-31.csv")
    assert names(tmp_path) == ["zzz.csv", "old/2023-12-31.csv", "a_2024-01-01.csv", "b_2024-01-01.csv", "2024-01-02.csv"]


def test_the_night_is_in_the_files_name_and_not_in_its_folders(tmp_path):
    touch(tmp_path, "2024-01-01/ford.csv")
    (delivery,) = list_deliveries(tmp_path, Files())
    assert (delivery.night, delivery.stem) == ("", "ford")


@pytest.mark.parametrize(("days", "begins"), [(1, "2024-03-01"), (2, "2024-02-29"), (366, "2023-03-02"), (0, ""), (10**9, "")])
def test_a_history_is_so_many_days_up_to_the_newest_delivery(tmp_path, days, begins):
    touch(tmp_path, "2023-01-01.csv", "2024-03-01.csv", "undated.csv")
    assert begin_history(list_deliveries(tmp_path, Files()), days, date(2024, 6, 1)) == begins


def test_a_delivery_that_is_ahead_of_today_moves_no_history(tmp_path):
    touch(tmp_path, "2024-03-01.csv", "2099-12-31.csv")
    assert begin_history(list_deliveries(tmp_path, Files()), 10, date(2024, 3, 5)) == "2024-02-21"


def test_without_a_dated_delivery_of_the_past_a_history_has_no_beginning(tmp_path):
    touch(tmp_path, "2099-12-31.csv", "undated.csv")
    assert begin_history(list_deliveries(tmp_path, Files()), 10, date(2024, 3, 5)) == ""
    assert begin_history([], 10, date(2024, 3, 5)) == ""


def test_as_of_a_night_later_ones_are_not_seen_and_undated_ones_are(tmp_path):
    touch(tmp_path, "2024-01-01.csv", "2024-01-02.csv", "2024-01-03.csv", "undated.csv")
    assert names(tmp_path, as_of=date(2024, 1, 2)) == ["undated.csv", "2024-01-01.csv", "2024-01-02.csv"]


def test_only_files_that_match_a_pattern_count_and_each_once(tmp_path):
    touch(tmp_path, "a.csv", "b.txt", "c.CSV.bak", "README.md")
    assert names(tmp_path) == ["a.csv"]
    assert names(tmp_path, Files(patterns=("*.csv", "*.txt", "a.*"))) == ["a.csv", "b.txt"]


def test_hidden_files_and_folders_are_passed_over(tmp_path):
    touch(tmp_path, ".a.csv", ".hidden/b.csv", "c.csv", "deep/.git/d.csv")
    assert names(tmp_path) == ["c.csv"]


def test_a_hidden_folder_above_the_market_hides_nothing(tmp_path):
    assert names(touch(tmp_path / ".data/raw", "a.csv")) == ["a.csv"]


def test_a_folder_that_looks_like_a_delivery_is_none(tmp_path):
    touch(tmp_path, "folder.csv/a.txt")
    assert names(tmp_path) == []


def test_a_link_counts_as_what_it_leads_to(tmp_path):
    touch(tmp_path, "raw/a.csv", "elsewhere/b.csv")
    (tmp_path / "raw/link.csv").symlink_to(tmp_path / "elsewhere/b.csv")
    (tmp_path / "raw/broken.csv").symlink_to(tmp_path / "nowhere.csv")
    assert names(tmp_path / "raw") == ["a.csv", "link.csv"]


def test_a_folder_that_may_be_listed_and_not_entered_is_refused(tmp_path, monkeypatch):
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    touch(tmp_path, "deep/a.csv")
    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(FolderUnreadable, match=r"The folder of .*deep/a\.csv may not be entered \(Permission denied\)"):
        names(tmp_path)


def test_a_folder_that_does_not_exist_holds_no_deliveries(tmp_path):
    assert names(tmp_path / "nowhere") == []


def test_a_folders_date_is_no_night():
    assert night_of("2025-02-01/cars.csv") == ""
    assert night_of("2025-02-01/2025-02-03.csv") == "2025-02-03"


def test_a_packed_delivery_is_one_and_its_ending_is_no_part_of_its_stem(tmp_path):
    touch(tmp_path, "ford.csv.gz", "ford.tar.gz")
    assert names(tmp_path) == ["ford.csv.gz"]


def test_links_are_followed_and_a_folder_that_holds_itself_is_read_once(tmp_path):
    raw = tmp_path / "raw"
    touch(tmp_path, "raw/a.csv", "elsewhere/b.csv", "c.csv")
    (raw / "linked").symlink_to(tmp_path / "elsewhere")
    (raw / "c.csv").symlink_to(tmp_path / "c.csv")
    (raw / "round").symlink_to(raw)
    (raw / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    assert names(raw) == ["a.csv", "c.csv", "linked/b.csv"]
