"""The page on models: whose figures they are, what was decided and why, and the way back that only an operator has."""

import json
import threading
from dataclasses import replace

import luigi
import pandas as pd
import pytest

from dashboard import judgement, page, reading, rollback
from dashboard.rollback import Answer, Request
from dashboard.words import LANGUAGES, Words
from pipeline import champion
from tests.dashboard.conftest import all_text, run_pipeline

PARTS = ("time", "segments", "fit", "importance", "baselines", "verdicts", "journal", "rollback")
MAY = "operators"


def part(name):
    return {"model-part": name}


def holder():
    return champion.read_champion("sample")


def newest_version():
    """The version of the newest judged model, which became champion or not."""
    return json.loads((reading.read_market("sample").place("promote") / "verdict.json").read_bytes())["challenger"]["version"]


def metrics_of(place):
    return json.loads((place / "metrics.json").read_bytes())


@pytest.fixture
def operator(monkeypatch):
    """Whoever opens the page may roll back."""
    settings = luigi.configuration.get_config()
    before = settings.get("dashboard", MAY, "")
    settings.set("dashboard", MAY, "*")
    yield settings
    settings.set("dashboard", MAY, before)


def fill_in(app, version, reason="prices are off", again=None):
    """Fill in the form that rolls back, without clicking."""
    next(box for box in app.selectbox if box.key.startswith("to-")).select(version).run()
    next(box for box in app.text_input if box.key.startswith("reason-")).input(reason)
    next(box for box in app.text_input if box.key.startswith("again-")).input(version if again is None else again)
    app.run()
    assert not app.exception
    return next(button for button in app.button if button.key.startswith("roll-"))


class TestOpening:
    """Every part opens in every language."""

    @pytest.mark.parametrize("language", LANGUAGES)
    @pytest.mark.parametrize("name", PARTS)
    def test_every_part_opens(self, project, open_page, name, language):
        app = open_page("model", language=language, **part(name))
        assert app.title[0].value == Words(language).say("Model")
        assert not app.error

    def test_the_figures_are_those_of_the_champion_and_say_so(self, project, open_page):
        seat = holder().seat
        metrics = metrics_of(reading.Path(seat.evaluation))
        told = Words("en", "MAD")
        app = open_page("model")
        shown = {metric.label: metric.value for metric in app.metric}
        assert shown["Median error"] == told.share(metrics["median_ape"], 1)
        assert shown["Mean error"] == told.money(metrics["mae"])
        assert shown["Coverage, 90% meant"] == told.share(metrics["interval_coverage"], 1)
        assert f"Version {seat.version} (champion)" in all_text(app)
        assert f"judged on {told.number(metrics['n_test'])} that it never saw" in all_text(app)

    def test_that_it_learnt_from_a_sample_is_told(self, own_project, open_page):
        place = reading.Path(holder().seat.evaluation) / "metrics.json"
        place.write_text(json.dumps({**json.loads(place.read_bytes()), "n_train": 200, "n_train_of": 5320}))
        assert "learnt from 200 of 5,320 listings" in all_text(open_page("model"))

    def test_a_baseline_that_is_better_is_told(self, own_project, open_page):
        path = reading.Path(holder().seat.evaluation) / "metrics.json"
        metrics = json.loads(path.read_bytes())
        for errors in metrics["baselines"].values():
            errors |= {"mae": metrics["mae"] + 1, "median_ape": metrics["median_ape"] + 1}
        path.write_text(json.dumps(metrics))
        assert "A simple estimate is better" not in all_text(open_page("model"))
        metrics["baselines"]["original_recipe"]["mae"] = metrics["mae"] - 1
        path.write_text(json.dumps(metrics))
        assert [text.value for text in open_page("model").warning if "simple estimate" in text.value] == [
            "A simple estimate is better: the model's mean error is greater than that of “The original system's recipe”."
        ]


class TestSegments:
    """Errors and coverage by kind of car."""

    @pytest.mark.parametrize("kind", ["make", "age", "price", "status"])
    def test_the_table_has_the_segments_of_the_kind(self, project, open_page, kind):
        segments = pd.read_parquet(reading.Path(holder().seat.evaluation) / "segments.parquet")
        wanted = segments[(segments["segment_kind"] == kind) & ((kind != "make") | (segments["n"] >= judgement.MIN_CARS))]
        app = open_page("model", **part("segments"), **{"model-kind": kind})
        (table,) = [frame.value for frame in app.dataframe]
        assert sorted(table["n"]) == sorted(wanted["n"])
        assert sorted(table["mae"]) == sorted(wanted["mae"].round())

    def test_coverage_is_off_only_beyond_what_chance_gives(self):
        segments = pd.DataFrame({"n": [100, 100, 100, 10], "interval_coverage": [0.9, 0.7, 1.0, 0.7]})
        bounded = judgement.bound_chance(segments, 0.9)
        assert list(bounded["is_off"]) == [False, True, True, False]

    def test_the_running_median_is_of_all_and_not_of_the_few_that_are_drawn(self):
        n = 5_000
        estimates = pd.DataFrame(
            {"price": [110.0 + place for place in range(n)], "estimate": [100.0 + place for place in range(n)]}
        )
        assert len(judgement.thin(estimates)) == judgement.MAX_POINTS
        medians = judgement.follow_median(estimates)
        assert len(medians) == 10
        assert medians["position"].is_monotonic_decreasing

    def test_too_few_cars_have_no_running_median(self):
        assert judgement.follow_median(pd.DataFrame({"price": [1.0] * 30, "estimate": [1.0] * 30})).empty


class TestDecisions:
    """Verdicts and the journal."""

    def test_every_reason_of_the_newest_verdict_is_told_with_whether_it_passed(self, project, open_page):
        verdict = reading.list_verdicts("sample")[-1]
        app = open_page("model", **part("verdicts"))
        lines = [text.value for text in app.markdown if text.value.startswith(("✓", "✗"))]
        assert len(lines) == len(verdict["reasons"])
        assert sum("failed" in line for line in lines) == sum(not reason["passed"] for reason in verdict["reasons"])
        for reason in verdict["reasons"]:
            assert any(page.plain(Words("en", "MAD").retell(reason["text"])) in line for line in lines)

    def test_an_earlier_verdict_can_be_chosen(self, project, open_page):
        first = reading.list_verdicts("sample")[0]
        app = open_page("model", **part("verdicts"))
        box = next(box for box in app.selectbox if box.key.startswith("verdict-"))
        box.select_index(len(box.options) - 1).run()
        assert f"Version {first['challenger']['version']} was {first['outcome']}" in app.subheader[0].value

    def test_the_journal_is_listed_whole_the_newest_first(self, project, open_page):
        entries = reading.list_journal("sample")
        table = open_page("model", **part("journal")).dataframe[0].value
        assert list(table["What"]) == [entry["what"] for entry in reversed(entries)]
        assert table["Why"].iloc[0] == " ".join(map(Words("en", "MAD").retell, entries[-1]["why"]))

    def test_a_damaged_journal_is_told(self, own_project, open_page):
        (own_project / "data/journal/sample.jsonl").write_text("<b>no journal\n")
        app = open_page("model", **part("journal"))
        assert "cannot be understood" in app.error[0].value
        assert "<b>" not in app.error[0].value  # its markup is escaped
        assert not app.dataframe


class TestStates:
    """What is missing or damaged is said, with what to run."""

    @pytest.mark.parametrize(
        ("name", "file"),
        [
            ("time", "metrics.json"),
            ("segments", "segments.parquet"),
            ("fit", "estimates.parquet"),
            ("importance", "importance.parquet"),
            ("baselines", "metrics.json"),
        ],
    )
    @pytest.mark.parametrize("damage", ["gone", "garbage", "other"])
    def test_a_file_that_cannot_be_read_is_named(self, own_project, open_page, name, file, damage):
        path = reading.Path(holder().seat.evaluation) / file
        if damage == "gone":
            path.unlink()
        elif damage == "garbage" or file.endswith("parquet"):
            path.write_bytes(b"PAR1 nothing")
        else:
            path.write_text("[]")
        app = open_page("model", **part(name))
        assert any("gone or damaged" in text.value and page.plain(file) in text.value for text in app.info)
        assert any("nightly --market sample" in code.value for code in app.code)

    def test_a_market_without_results_says_what_to_run(self, own_project, open_page):
        (own_project / "data/current/sample.json").unlink()
        (own_project / "data/champion/sample.json").unlink()
        app = open_page("model")
        assert "Nothing was built" in all_text(app)
        assert not app.metric

    def test_a_market_without_champion_shows_the_newest_judged(self, own_project, open_page):
        (own_project / "data/champion/sample.json").unlink()
        app = open_page("model")
        assert f"Version {newest_version()} (newest judged, not the champion)" in all_text(app)
        assert "no champion yet" in all_text(open_page("model", **part("rollback")))

    def test_a_damaged_champion_is_told(self, own_project, open_page):
        (own_project / "data/champion/sample.json").write_text("{")
        app = open_page("model", **part("rollback"))
        assert "cannot be understood" in app.error[0].value

    def test_champion_or_newest_can_be_chosen(self, own_project, open_page):
        run_pipeline(own_project, "rollback", "--market", "sample", "--reason", "a test", module="pipeline")
        now = holder().seat
        app = open_page("model")
        assert f"Version {now.version} (champion)" in all_text(app)
        app.radio(key="whose").set_value(reading.CHALLENGER).run()
        newest = metrics_of(reading.read_market("sample").place("evaluate"))
        assert now.version != newest_version()
        assert f"Version {newest_version()} (newest judged, not the champion)" in all_text(app)
        assert app.metric[1].value == Words("en", "MAD").money(newest["mae"])


class TestRollingBack:
    """An operator goes back to an earlier champion; nobody else does."""

    def test_who_is_no_operator_is_told_the_command_and_has_no_button(self, project, open_page):
        app = open_page("model", **part("rollback"))
        assert not [button for button in app.button if str(button.key).startswith(("roll-", "unbar-"))]
        assert "python -m pipeline rollback --market sample" in app.code[0].value

    def test_an_operator_rolls_back_and_lifts_the_bar(self, own_project, open_page, operator):
        found = holder()
        to = found.earlier[-1].version
        app = open_page("model", **part("rollback"))
        fill_in(app, to, reason="--lift everything").click().run()
        assert not app.exception
        assert "exit code 0" in app.success[0].value
        assert f"Version {to} is the champion" in app.code[0].value
        now = holder()
        assert now.seat.version == to
        assert now.barred[found.seat.version]["why"] == "--lift everything"
        next(box for box in app.text_input if box.key.startswith("lift-again-")).input(found.seat.version).run()
        next(button for button in app.button if button.key.startswith("unbar-")).click().run()
        assert "barred no more" in app.code[0].value
        assert holder().barred == {}

    @pytest.mark.parametrize(("reason", "again"), [("", None), ("prices are off", "99"), ("prices are off", "")])
    def test_the_button_waits_for_a_reason_and_for_the_version_typed_again(self, own_project, open_page, operator, reason, again):
        before = holder()
        button = fill_in(app := open_page("model", **part("rollback")), before.earlier[-1].version, reason, again)
        assert button.disabled
        assert not fill_in(app, before.earlier[-1].version).disabled

    def test_who_lost_the_right_before_the_click_changes_nothing(self, own_project, open_page, operator):
        before = holder()
        app = open_page("model", **part("rollback"))
        button = fill_in(app, before.earlier[-1].version)
        operator.set("dashboard", MAY, "")
        button.click().run()
        assert "You may not roll back" in app.error[0].value
        assert holder() == before

    def test_a_champion_that_moved_since_is_left_alone(self, own_project, open_page, operator):
        app = open_page("model", **part("rollback"))
        button = fill_in(app, holder().earlier[-1].version)
        run_pipeline(own_project, "rollback", "--market", "sample", "--reason", "someone else", module="pipeline")
        moved = holder()
        button.click().run()
        assert holder() == moved
        assert not app.success

    def test_a_command_that_fails_is_shown_with_its_exit_code(self, own_project, open_page, operator):
        seat = holder().earlier[-1]
        (reading.Path(seat.folder) / "model.skops").unlink()
        app = open_page("model", **part("rollback"))
        before = holder()
        fill_in(app, seat.version).click().run()
        assert "Not done (exit code" in app.error[0].value
        assert holder() == before


class TestActing:
    """What a click does, without a page."""

    @pytest.fixture
    def ran(self, monkeypatch):
        """The commands that were run instead of run."""
        commands = []
        monkeypatch.setattr(rollback, "_done", {})
        monkeypatch.setattr(rollback, "_run", lambda *arguments: commands.append(arguments) or Answer(0, "done"))
        return commands

    @staticmethod
    def request():
        found = holder()
        return Request(lifts=False, market="sample", version="1", drawn=rollback.mark_decision(found), reason="why", again="1")

    def test_a_second_click_waits_for_the_first_and_gets_its_answer(self, project, monkeypatch):
        started, may_end, ran = threading.Event(), threading.Event(), []

        def run(*arguments):
            ran.append(arguments)
            started.set()
            assert may_end.wait(30)
            return Answer(0, "done")

        monkeypatch.setattr(rollback, "_done", {})
        monkeypatch.setattr(rollback, "_run", run)
        request, sessions = self.request(), ({}, {})
        threads = [
            threading.Thread(target=rollback.act, args=(request, session), kwargs={"may": True, "who": ""})
            for session in sessions
        ]
        threads[0].start()
        assert started.wait(30)
        threads[1].start()
        may_end.set()
        for thread in threads:
            thread.join(30)
        assert len(ran) == 1
        assert [session[rollback.ANSWER] for session in sessions] == [Answer(0, "done")] * 2

    def test_a_command_that_failed_can_be_tried_again(self, project, monkeypatch):
        answers = [Answer(0, "done"), Answer(5, "no room")]
        monkeypatch.setattr(rollback, "_done", {})
        monkeypatch.setattr(rollback, "_run", lambda *_: answers.pop())
        session = {}
        rollback.act(self.request(), session, may=True, who="")
        assert session[rollback.ANSWER].code == 5
        rollback.act(self.request(), session, may=True, who="")
        assert session[rollback.ANSWER].code == 0

    def test_the_signed_in_address_stands_behind_the_reason(self, project, ran):
        rollback.act(self.request(), {}, may=True, who="trader@example.org")
        assert ran == [("--market=sample", "--to=1", "--reason=why (trader@example.org)")]

    @pytest.mark.parametrize(
        ("change", "may", "answer"),
        [
            ({}, False, rollback.FORBIDDEN),
            ({"again": "2"}, True, rollback.UNCONFIRMED),
            ({"reason": "  "}, True, rollback.UNCONFIRMED),
            ({"drawn": "sample-0-"}, True, rollback.MOVED),
        ],
    )
    def test_nothing_is_run(self, project, ran, change, may, answer):
        session = {}
        rollback.act(replace(self.request(), **change), session, may=may, who="")
        assert (session[rollback.ANSWER], ran) == (answer, [])

    def test_a_lift_needs_no_reason(self, project, ran):
        rollback.act(replace(self.request(), lifts=True, reason=""), {}, may=True, who="")
        assert ran == [("--market=sample", "--lift=1", "--reason=")]


@pytest.mark.parametrize("text", ["**bold**", "[a](http://b.c)", "$x$ :red[y] <b>", "# head", "`code`", "a_b_c ~~d~~ | e"])
def test_plain_text_keeps_its_characters_and_loses_its_markup(text):
    plain = page.plain(text)
    assert plain.replace("\\", "") == text
    assert all(f"\\{sign}" in plain for sign in "*[$`#_~<" if sign in text)
