"""The page about lineage: from a price back to the deliveries it rests on."""

import json

import pandas as pd
import pytest

from dashboard import reading, tracing
from dashboard.charts import lineage as charts
from dashboard.words import Words
from pipeline import champion
from pipeline.incremental import store
from tests.dashboard.conftest import all_text


def current(root, stage):
    return root / json.loads((root / "data/current/sample.json").read_bytes())["stages"][stage]


def champion_folder(root):
    found = champion.read_champion("sample")
    assert found
    return root / found.seat.folder


def manifest(folder):
    return json.loads((folder / "manifest.json").read_bytes())


def pick(app, value, key="lineage-start"):
    app.segmented_control(key=key).set_value(value).run()
    assert not app.exception, [one.value for one in app.exception]
    return app


def graph(app):
    (drawn,) = app.get("graphviz_chart")
    return drawn.proto.spec


class TestTheChampionsModel:
    def test_is_followed_back_to_the_deliveries_it_learnt_from(self, project, open_page):
        told = open_page("lineage").dataframe[0].value
        train = manifest(champion_folder(project))
        assert told.iloc[0]["Fingerprint"] == train["fingerprint"][:16]
        split = told[told["Stage"] == "Split"].iloc[0]
        assert train["recipe"]["dependencies"][0][1]["train.parquet"][:16] in split["Files (sha256)"]
        clean = manifest(project / told[told["Stage"] == "Clean"].iloc[0]["Folder"])
        n_deliveries = sum(family == "Ingest" for family, _ in clean["recipe"]["dependencies"])
        assert (told["Stage"] == "Ingest").sum() == n_deliveries
        assert set(told["State"]) == {"whole"}

    def test_is_drawn_with_fingerprints(self, project, open_page):
        drawn = graph(open_page("lineage"))
        assert manifest(champion_folder(project))["fingerprint"][:16] in drawn
        assert drawn.count("->") >= 3

    def test_speaks_french(self, project, open_page):
        app = open_page("lineage", language="fr")
        assert app.title[0].value == "Provenance"
        assert set(app.dataframe[0].value["État"]) == {"intact"}

    def test_shows_what_a_result_was_made_of(self, project, open_page):
        app = pick(open_page("lineage"), "made", "lineage-part")
        recipe = manifest(champion_folder(project))["recipe"]
        tables = [frame.value.set_index("Name")["Value"].to_dict() for frame in app.dataframe]
        assert recipe["parameters"] in tables
        assert {"python": recipe["python"], **recipe["libraries"]} in tables
        assert {name: sha[:16] for name, sha in recipe["code"].items()} in tables
        (box,) = [box for box in app.selectbox if box.key == "made-of"]
        clean = next(option for option in tracing.trace(reading.find_result(box.value), "sample").of_stage("Clean"))
        box.select(clean.key).run()
        tables = [frame.value.set_index("Name")["Value"].to_dict() for frame in app.dataframe]
        assert {name: sha[:16] for name, sha in manifest(project / clean.key)["recipe"]["code"].items()} in tables

    def test_without_a_champion_says_what_to_run(self, own_project, open_page):
        (own_project / "data/champion/sample.json").unlink()
        app = open_page("lineage")
        assert "This market has no champion" in all_text(app)
        assert "python -m pipeline nightly --market sample" in all_text(app)

    def test_a_model_that_is_gone_is_told(self, own_project, open_page):
        store.remove(champion_folder(own_project))
        assert "nothing says what it was made of" in all_text(open_page("lineage"))


class TestThePrices:
    def test_rest_on_the_model_and_on_tonights_adverts(self, project, open_page):
        app = pick(open_page("lineage"), "scores")
        told = app.dataframe[0].value
        score = manifest(current(project, "score"))
        assert told.iloc[0]["Fingerprint"] == score["fingerprint"][:16]
        model = told[told["Stage"] == "Train"].iloc[0]
        assert score["recipe"]["files"]["model"][:16] in model["Files (sha256)"]
        assert set(told["Stage"]) >= {"Score", "Train", "Split", "Clean", "Ingest"}

    def test_scores_that_are_gone_are_told(self, own_project, open_page):
        store.remove(current(own_project, "score"))
        assert "Nothing of this market is priced yet." in all_text(pick(open_page("lineage"), "scores"))


class TestOneAdvert:
    def ask(self, app, text):
        app.text_input[0].set_value(text).run()
        assert not app.exception, [one.value for one in app.exception]
        return app

    def oldest(self, root):
        """Return the listing that most deliveries mention, with the price that each gave by delivery."""
        given: dict[str, dict[str, float]] = {}
        for folder in (root / "data/ingest").glob("*/"):
            rows = pd.read_parquet(folder / "accepted.parquet", columns=["listing_id", "price"])
            name = manifest(folder)["name"].partition("/")[2]
            for row in rows.drop_duplicates("listing_id").to_dict("records"):
                given.setdefault(row["listing_id"], {})[name] = row["price"]
        live = set(pd.read_parquet(current(root, "score") / "scores.parquet")["listing_id"])
        return max(((key, prices) for key, prices in given.items() if key in live), key=lambda item: (len(item[1]), item[0]))

    def test_lists_the_deliveries_that_mention_it_with_their_prices(self, project, open_page):
        listing_id, prices = self.oldest(project)
        app = self.ask(pick(open_page("lineage"), "listing"), listing_id.partition(":")[2])
        shown = app.dataframe[0].value
        assert len(prices) > 1
        assert dict(zip(shown["Delivery"], shown["Price asked"], strict=True)) == prices
        assert listing_id in all_text(app).replace("\\", "")
        assert graph(app).count("penwidth=3") == len(prices) + 1

    @pytest.mark.parametrize("text", ["no-such-advert", "*[x](http://y)*"])
    def test_an_unknown_one_is_told(self, project, open_page, text):
        app = self.ask(pick(open_page("lineage"), "listing"), text)
        assert f"No advert of this market has that number: {text}" in all_text(app).replace("\\", "")
        assert not app.get("graphviz_chart")

    def test_none_is_asked_for_first(self, project, open_page):
        assert "Type in an advert" in all_text(pick(open_page("lineage"), "listing"))

    def test_a_lost_list_of_adverts_is_told(self, own_project, open_page):
        folder = current(own_project, "clean")
        folder.chmod(0o755)
        (folder / "listings.parquet").chmod(0o644)
        (folder / "listings.parquet").write_bytes(b"no parquet")
        assert "The list of adverts is gone or damaged." in all_text(pick(open_page("lineage"), "listing"))


class TestDamage:
    def test_a_source_that_is_gone_is_told_and_drawn(self, own_project, open_page):
        gone = min((own_project / "data/ingest").iterdir())
        sha = manifest(gone)["files"]["accepted.parquet"]["sha256"][:16]
        store.remove(gone)
        app = pick(open_page("lineage"), "scores")
        assert any(sha in one.value and "gone" in one.value for one in app.warning)
        assert (app.dataframe[0].value["State"] != "whole").sum() == 1

    def test_a_file_that_was_altered_is_told(self, own_project, open_page):
        model = champion_folder(own_project) / "model.skops"
        model.chmod(0o644)
        model.write_bytes(b"other")
        app = open_page("lineage")
        assert any("model.skops has 5 bytes" in one.value.replace("\\", "") for one in app.warning)
        assert "result damaged" in graph(app)

    def test_an_empty_market_says_what_to_run(self, own_project, open_page):
        store.remove(own_project / "data/current")
        assert "Nothing was built for" in all_text(open_page("lineage"))


def node(name, damage=""):
    result = reading.Result(name, f"Ingest x/{name}", "Ingest", "x", "", "f" * 64, "r", "", 1.0, (), ())
    return tracing.Node(name, "Ingest", result, damage)


class TestTheDrawing:
    def test_many_deliveries_are_drawn_as_the_first_the_newest_and_a_count(self):
        nodes = [node(f"2025-01-{day:02}.csv") for day in range(1, 31)]
        lineage = tracing.Lineage(tuple(nodes), tuple((one.key, "clean") for one in nodes))
        drawn = charts.draw_lineage(lineage, {"2025-01-10.csv"}, Words("en"), is_dark=False)
        assert "… +22" in drawn
        for shown in ("2025-01-01", "2025-01-10", "2025-01-30"):
            assert f'"{shown}.csv" [' in drawn
        assert '"2025-01-11.csv" [' not in drawn

    def test_names_cannot_break_out_of_the_drawing(self):
        drawn = charts.draw_lineage(tracing.Lineage((node('a"];b\\'),), ()), (), Words("en"), is_dark=True)
        assert '"a\\"];b\\\\" [' in drawn
