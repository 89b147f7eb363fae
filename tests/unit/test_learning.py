"""Which listings a model learns from, where a setting says that it must not learn from all."""

import pandas as pd
import pytest

from pipeline import learning
from pipeline.errors import TooFewListings
from pipeline.services import frames


def make_part(folder, count: int = 900):
    """Write listings of which every third has two twins."""
    names = pd.Series([f"car-{number}" for number in range(count)], dtype="str")
    groups = pd.Series([f"group-{number // 3 if number % 9 < 3 else number}" for number in range(count)], dtype="str")
    path = folder / "train.parquet"
    frames.write_frame(pd.DataFrame({"listing_id": names, "group_id": groups, "price": range(count)}), path)
    return path


@pytest.mark.parametrize("max_listings", [0, 900, 5000])
def test_without_a_limit_that_is_reached_all_are_learnt_from(tmp_path, max_listings):
    path = make_part(tmp_path)
    pd.testing.assert_frame_equal(learning.read_learnt(path, max_listings, 0), frames.read_frame(path))
    assert learning.count_learnt(path, 900) == {"n_train": 900}


def test_a_sample_is_as_large_as_whole_groups_of_twins_allow(tmp_path):
    path = make_part(tmp_path)
    learnt = learning.read_learnt(path, 300, 0)
    assert 297 <= len(learnt) <= 300
    sizes = frames.read_frame(path).groupby("group_id").size()
    assert (learnt.groupby("group_id").size() == sizes[learnt["group_id"].unique()].sort_index()).all()
    assert learning.count_learnt(path, len(learnt)) == {"n_train": len(learnt), "n_train_of": 900}


def test_the_seed_alone_decides_who_is_drawn(tmp_path, monkeypatch):
    path = make_part(tmp_path)
    drawn = [list(learning.read_learnt(path, 300, seed)["listing_id"]) for seed in (0, 0, 1)]
    monkeypatch.setattr(frames.read_chunks, "__defaults__", (None, 7))  # rows at a time
    in_small_chunks = list(learning.read_learnt(path, 300, 0)["listing_id"])
    assert drawn[0] == drawn[1] == in_small_chunks
    assert set(drawn[0]) != set(drawn[2])


def test_a_larger_sample_holds_the_smaller_one(tmp_path):
    path = make_part(tmp_path)
    small, large = (set(learning.read_learnt(path, size, 0)["listing_id"]) for size in (100, 500))
    assert small < large


def test_a_limit_that_leaves_nothing_to_learn_from_is_refused(tmp_path):
    with pytest.raises(TooFewListings, match="max_listings"):
        learning.read_learnt(make_part(tmp_path), 20, 0)
