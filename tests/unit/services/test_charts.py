"""Where the marks of a chart go."""

import pytest

from pipeline.services import charts


def test_a_scale_carries_its_ends_to_where_they_belong():
    across = charts.scale_money([1_000, 100_000], 40, 240)
    assert (across(1_000), across(10_000), across(100_000)) == (40, 140, 240)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([900, 11_000], (1_000, 2_000, 5_000, 10_000)),
        ([100, 90_000], (100, 300, 1_000, 3_000, 10_000, 30_000)),
        ([10, 90_000_000], (10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)),
    ],
    ids=["narrow", "wide", "very wide"],
)
def test_ticks_are_round_and_few(ends, expected):
    assert charts.scale_money(ends, 0, 1).ticks == expected


@pytest.mark.parametrize(("reach", "lowest"), [(0.05, 1.0), (0.2, 0.9), (0.5, 0.8), (1.0, 0.5), (2.0, 0.2)])
def test_positions_have_ticks_within_reach(reach, lowest):
    up = charts.scale_positions(reach, 100, 0)
    assert min(up.ticks) == pytest.approx(lowest)
    assert 1.0 in up.ticks
    assert up(1) == 50


def test_what_lies_beyond_is_left_out_of_clouds_and_kept_at_the_edge_by_lines():
    scale = charts.scale_money([1, 100], 0, 200)
    dots = [(10, 10), (1_000, 10), (10, 0.1)]
    assert charts.trace_dots(dots, scale, scale) == "M100 100h0"
    assert charts.trace_crosses(dots, scale, scale, size=2) == "M98.0 98.0l4 4m0 -4l-4 4"
    assert charts.trace_line(dots[1:], scale, scale) == "200,100 100,0"
