"""The page about runs: the list, and any two side by side."""

import json

import pytest

from dashboard import reading
from pipeline.incremental import store
from pipeline.incremental.digests import digest_value
from tests.dashboard.conftest import NIGHTS, all_text


def records(root):
    return [json.loads(path.read_bytes()) for path in sorted((root / "data/runs").glob("*.json"), reverse=True)]


def pick(app, part, key="runs-part"):
    app.segmented_control(key=key).set_value(part).run()
    assert not app.exception, [one.value for one in app.exception]
    return app


def edit(path, change):
    """Change a committed document, as nobody should."""
    path.chmod(0o644)
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))


def metrics_of(root, record):
    (place,) = [task["place"] for task in record["tasks"] if task["family"] == "Evaluate"]
    return json.loads((root / place / "metrics.json").read_bytes())


class TestTheList:
    def test_has_every_run_the_newest_first(self, project, open_page):
        (listed, _) = [frame.value for frame in open_page("runs").dataframe]
        wanted = records(project)
        assert list(listed["Run"]) == [record["run"] for record in wanted]
        assert list(listed["Built"]) == [[t["outcome"] for t in record["tasks"]].count("built") for record in wanted]
        assert list(listed["Exit"]) == [0] * len(NIGHTS)
        assert set(listed["State"]) == {"done"}
        assert all(f"--as-of {night}" in command for night, command in zip(reversed(NIGHTS), listed["Command"], strict=True))

    def test_speaks_french(self, project, open_page):
        app = open_page("runs", language="fr")
        assert app.title[0].value == "Exécutions"
        assert set(app.dataframe[0].value["État"]) == {"terminé"}
        assert "Erreur moyenne" in set(app.dataframe[1].value["Mesure"])

    def test_shows_one_market_or_all(self, own_project, open_page):
        other = records(own_project)[0] | {"run": "29990101T000000-1", "subject": "kijiji_ca", "state": "failed", "exit": 30}
        (own_project / "data/runs/29990101T000000-1.json").write_text(json.dumps(other | {"messages": ["No *rows*."]}))
        app = open_page("runs")
        assert other["run"] not in set(app.dataframe[0].value["Run"])
        listed = pick(app, "all", "runs-scope").dataframe[0].value
        assert listed.iloc[0][["Run", "Market", "State", "Message"]].tolist() == [
            other["run"],
            "kijiji_ca",
            "failed",
            "No *rows*.",
        ]

    def test_tells_of_damaged_records_and_passes_them_over(self, own_project, open_page):
        (own_project / "data/runs/29990101T000000-1.json").write_text('{"run": "x"')
        app = open_page("runs")
        assert any("29990101T000000-1" in one.value.replace("\\", "") for one in app.warning)
        assert len(app.dataframe[0].value) == len(NIGHTS)

    def test_no_runs(self, own_project, open_page):
        store.remove(own_project / "data/runs")
        told = all_text(open_page("runs"))
        assert "No run of this market is recorded yet" in told
        assert "python -m pipeline nightly --market sample" in told

    def test_one_run(self, own_project, open_page):
        for record in records(own_project)[1:]:
            (own_project / f"data/runs/{record['run']}.json").unlink()
        app = open_page("runs")
        assert "There is one run" in all_text(app)
        assert len(app.dataframe) == 1


class TestTwoRuns:
    def test_metrics_stand_side_by_side_with_their_difference(self, project, open_page):
        right, left, *_ = records(project)
        shown = open_page("runs").dataframe[1].value.set_index("Metric")
        old, new = (metrics_of(project, record) for record in (left, right))
        assert shown.loc["Cars learnt from", ["1", "2"]].tolist() == [f"{old['n_train']:,}", f"{new['n_train']:,}"]
        assert shown.loc["Cars learnt from", "Difference"] == f"{new['n_train'] - old['n_train']:+,}"
        assert shown.loc["Mean error", "1"].replace("\xa0", " ") == f"MAD {old['mae']:,.0f}"
        assert shown.loc["Median error", "2"] == f"{new['median_ape']:.1%}"

    def test_any_two_can_be_chosen(self, project, open_page):
        _, middle, oldest = records(project)
        app = open_page("runs")
        app.selectbox(key="run-left").select(oldest["run"])
        app.selectbox(key="run-right").select(middle["run"]).run()
        shown = app.dataframe[1].value.set_index("Metric")
        assert shown.loc["Cars learnt from", "1"] == f"{metrics_of(project, oldest)['n_train']:,}"
        app.selectbox(key="run-right").select(oldest["run"]).run()
        assert "the same run twice" in all_text(app)

    def test_seconds_are_drawn(self, project, open_page):
        app = pick(open_page("runs"), "seconds")
        assert len(app.get("vega_lite_chart")) + len(app.get("arrow_vega_lite_chart")) == 1
        assert len(app.dataframe) == 1

    def test_what_ran_in_which_and_why(self, project, open_page):
        shown = pick(open_page("runs"), "fates").dataframe[1].value.set_index("Task")
        newest = shown.loc[f"Ingest sample/{NIGHTS[2]}.csv"]
        assert newest[["1", "2", "Why (2)"]].tolist() == ["", "built", "first run"]
        before = shown.loc[f"Ingest sample/{NIGHTS[1]}.csv"]
        assert before[["1", "2"]].tolist() == ["built", "reused"]

    def test_what_went_in_names_what_differs(self, project, open_page):
        app = pick(open_page("runs"), "recipes")
        shown = app.dataframe[1].value
        night = shown[(shown["Task"] == "Promote sample") & (shown["What"] == "night")].iloc[0]
        assert night[["Kind", "1", "2"]].tolist() == ["setting", NIGHTS[1], NIGHTS[2]]
        inputs = shown[(shown["Task"] == "Split sample") & (shown["Kind"] == "input")]
        assert list(inputs["What"]) == ["Clean: listings.parquet"]
        assert "code" not in set(shown["Kind"])
        app.pills[0].set_value(["input"]).run()
        assert set(app.dataframe[1].value["Kind"]) == {"input"}

    def test_other_code_libraries_and_parameters_are_named(self, own_project, open_page):
        (place,) = [task["place"] for task in records(own_project)[0]["tasks"] if task["family"] == "Split"]

        def change(manifest):
            manifest["recipe"]["code"]["pipeline.stages.split"] = "0" * 64
            manifest["recipe"]["libraries"]["numpy"] = "9.9"
            manifest["recipe"]["parameters"]["test_share"] = "0.5"
            manifest["fingerprint"] = digest_value(manifest["recipe"])

        edit(own_project / place / "manifest.json", change)
        shown = pick(open_page("runs"), "recipes").dataframe[1].value
        told = {(row["Kind"], row["What"]): row["2"] for row in shown.to_dict("records") if row["Task"] == "Split sample"}
        assert told["code", "pipeline.stages.split"] == "0" * 16
        assert told["library", "numpy"] == "9.9"
        assert told["parameter", "test_share"] == "0.5"

    def test_results_that_are_gone_are_told(self, own_project, open_page):
        for family in ("evaluate", "clean"):
            for folder in (own_project / "data" / family).iterdir():
                store.remove(folder)
        app = open_page("runs")
        assert "No metrics to compare" in all_text(app)
        assert any("data/clean/" in one.value.replace("\\", "") for one in pick(app, "recipes").warning)

    @pytest.mark.parametrize("content", ["{", "[]", '{"currency": "MAD", "mae": "many"}'])
    def test_damaged_metrics_are_survived(self, own_project, open_page, content):
        (place,) = [task["place"] for task in records(own_project)[0]["tasks"] if task["family"] == "Evaluate"]
        path = own_project / place / "metrics.json"
        path.chmod(0o644)
        path.write_text(content)
        app = open_page("runs")
        assert all("Mean error" not in set(frame.value.get("Metric", ())) for frame in app.dataframe)


def test_results_are_known_by_the_digests_of_their_files(project):
    index = reading.index_results("sample")
    for record in records(project)[0]["tasks"]:
        manifest = json.loads((project / record["place"] / "manifest.json").read_bytes())
        for name, file in manifest["files"].items():
            assert index[record["family"], name, file["sha256"]].fingerprint == manifest["fingerprint"]
    assert reading.index_results("kijiji_ca") == {}
