"""How two recipes are compared, and how a plan is told."""

import pytest

from pipeline.incremental.explain import Cause, Plan, Verdict, compare

RECIPE = {
    "files": {"delivery": "a" * 64},
    "settings": {"limits": [1, 2], "deep": {"er": "x"}},
    "parameters": {"seed": "0"},
    "code": {"pipeline.stages.clean": "c" * 64},
    "libraries": {"numpy": "2.0"},
    "python": "3.11",
    "format": 1,
    "dependencies": [["Ingest", {"a": "1"}], ["Ingest", {"a": "2"}]],
}
NEEDS = ("Ingest a.csv", "Ingest b.csv")


def causes(**changed: object) -> list[str]:
    return [str(cause) for cause in compare(RECIPE, {**RECIPE, **changed}, NEEDS)]


def test_equal_recipes_have_no_cause():
    assert causes() == []


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"files": {"delivery": "b" * 64}}, "input changed: delivery"),
        ({"settings": {"limits": [1, 3], "deep": {"er": "x"}}}, "input changed: limits [1, 2] → [1, 3]"),
        ({"settings": {"limits": [1, 2], "deep": {}}}, "input changed: deep.er x → nothing"),
        ({"parameters": {"seed": "1"}}, "parameter changed: seed 0 → 1"),
        ({"parameters": {"seed": "0", "level": "1"}}, "parameter changed: level nothing → 1"),
        ({"code": {"pipeline.stages.clean": "d" * 64}}, "code changed: pipeline.stages.clean"),
        ({"code": dict.fromkeys("abcde", "")}, "code changed: a, b, c and 3 more"),
        ({"libraries": {"numpy": "2.1"}}, "library changed: numpy 2.0 → 2.1"),
        ({"python": "3.12"}, "library changed: python 3.11 → 3.12"),
        ({"format": 2}, "library changed: format 1 → 2"),
        ({"dependencies": [["Ingest", {"a": "1"}], ["Ingest", {"a": "3"}]]}, "input changed: output of Ingest b.csv"),
        ({"dependencies": [["Ingest", {"a": "2"}], ["Ingest", {"a": "1"}]]}, "input changed: order of outputs to read"),
    ],
)
def test_each_part_of_a_recipe_has_its_reason_and_names_what_differs(changed, cause):
    assert causes(**changed) == [cause]


def test_a_dependency_less_is_counted():
    now = {**RECIPE, "dependencies": RECIPE["dependencies"][:1]}
    assert [str(cause) for cause in compare(RECIPE, now, NEEDS[:1])] == ["input changed: 1 fewer outputs to read"]


def test_a_recipe_without_dependencies_is_compared_in_all_else():
    own = {key: value for key, value in RECIPE.items() if key != "dependencies"}
    assert compare(RECIPE, own, NEEDS) == []


def test_long_values_are_cut():
    (cause,) = causes(settings={"limits": {"a": "x" * 50}, "deep": {"er": "x" * 60}})
    assert "…" in cause


NIGHTS = [f"2025-01-0{night}.csv" for night in range(1, 8)]


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ([*NIGHTS, "2025-01-09.csv"], "+ 2025-01-09.csv"),
        (NIGHTS[1:], "− 2025-01-01.csv"),
        ([*NIGHTS[:3], "new.csv", *NIGHTS[4:]], "+ new.csv, − 2025-01-04.csv"),
        ([*NIGHTS, NIGHTS[0]], "+ 2025-01-01.csv"),
        (NIGHTS[5:], "− 2025-01-01.csv, − 2025-01-02.csv, − 2025-01-03.csv and 2 more"),
        (NIGHTS[::-1], "another order"),
    ],
)
def test_of_a_long_list_the_items_that_came_and_went_are_named(now, told):
    before, after = ({**RECIPE, "settings": {"deliveries": nights}} for nights in (NIGHTS, now))
    assert [str(cause) for cause in compare(before, after, NEEDS)] == [f"input changed: deliveries: {told}"]


PLAN = Plan(
    {
        "A 1": Verdict("A 1", "A", "reused", seconds=1.0),
        "A 2": Verdict("A 2", "A", "reused", seconds=2.0),
        "A 3": Verdict("A 3", "A", "runs", (Cause("first run"),)),
        "B": Verdict("B", "B", "may run", (Cause("upstream", "A 3"),), needs=("A 1", "A 2", "A 3")),
        "C": Verdict("C", "C", "may run", (Cause("upstream", "B"), Cause("forced")), needs=("A 3", "B")),
    }
)


def test_a_plan_is_told_in_a_line_for_each_task_that_runs_and_one_for_the_others():
    assert PLAN.lines() == [
        "A 3: runs, first run",
        "B: may run, upstream: A 3",
        "C: may run, upstream: B; forced",
        "reused: 2 A; that saves 3.0 s",
    ]


def test_a_plan_is_drawn_as_a_tree():
    assert PLAN.tree() == [
        "C  may run, upstream: B; forced",
        "├─ A 3  runs, first run",
        "└─ B  may run, upstream: A 3",
        "   ├─ 2 A  reused",
        "   └─ A 3  (above)",
    ]
