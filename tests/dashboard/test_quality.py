"""The page on data quality: what was rejected, lost or set aside, and what of a night is not as it was."""

import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from dashboard import page, reading
from dashboard.words import LANGUAGES, Words
from pipeline.services.deliveries import night_of
from pipeline.stages import findings
from tests.dashboard.conftest import all_text

PARTS = ("rejected", "lost", "aside", "findings", "drift")
TOLD = Words("en", "MAD")


def part(name):
    return {"quality-part": name}


def place(stage):
    return reading.read_market("sample").place(stage)


def account():
    return json.loads((place("check") / "account.json").read_bytes())


def table_with(app, column):
    return next(frame.value for frame in app.dataframe if column in frame.value.columns)


def box(app, start):
    return next(found for found in app.selectbox if found.key.startswith(start))


def rewrite(path, change):
    """Change a document of a result as only a damage could."""
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))


class TestOpening:
    """Every part opens in every language."""

    @pytest.mark.parametrize("language", LANGUAGES)
    @pytest.mark.parametrize("name", PARTS)
    def test_every_part_opens(self, project, open_page, name, language):
        app = open_page("quality", language=language, **part(name))
        assert app.title[0].value == Words(language).say("Data quality")
        assert not app.error

    def test_the_figures_are_those_of_the_intake(self, project, open_page):
        found = account()
        shown = {metric.label: metric.value for metric in open_page("quality").metric}
        assert shown["Rows"] == TOLD.number(found["rows"])
        assert shown["Rejected"] == TOLD.share(found["rejected"] / found["rows"], 1)
        assert shown["Deliveries"] == str(len(found["deliveries"]))

    def test_every_reason_is_listed_with_its_rows_and_first_example(self, project, open_page):
        found = account()
        table = table_with(open_page("quality"), "example")
        assert dict(zip(table["why"], table["n"], strict=True)) == found["reasons"]
        assert list(table["example"]) == [found["examples"][why] for why in table["why"]]


class TestRows:
    """The rejected rows of a delivery."""

    def test_delivery_and_reason_choose_the_rows(self, project, open_page):
        found = account()
        delivery = next(name for name, one in sorted(found["deliveries"].items(), reverse=True) if len(one["reasons"]) > 1)
        reason, n = max(found["deliveries"][delivery]["reasons"].items(), key=lambda item: item[1])
        app = open_page("quality")
        box(app, "delivery-").select(delivery).run()
        assert len(table_with(app, "Row")) == found["deliveries"][delivery]["rejected"]
        box(app, "reason-").select(reason).run()
        assert not app.exception
        table = table_with(app, "Row")
        assert len(table) == n
        assert all(reason in why for why in table["Why"])

    def test_cells_stand_under_the_headers_of_the_file(self, project, open_page):
        app = open_page("quality")
        delivery = box(app, "delivery-").value
        rejected = pd.read_parquet(reading.find_ingest(reading.read_market("sample"), delivery) / "rejected.parquet")
        record = json.loads(rejected["record"].iloc[0])
        table = table_with(app, "Row")
        for header, cell in record.items():
            assert table[header or "·"].iloc[0] == cell

    def test_markup_in_a_row_stays_text_and_a_row_that_is_no_record_is_kept(self, own_project, open_page):
        app = open_page("quality")
        delivery = box(app, "delivery-").value
        path = reading.find_ingest(reading.read_market("sample"), delivery) / "rejected.parquet"
        evil = '<img src=x onerror="alert(1)"> **bold** [a](javascript:b)'
        rows = {"row": [7], "reasons": [["price missing"]], "details": [[evil]], "record": [f"{evil} {{"]}
        pd.DataFrame(rows).to_parquet(path)
        app = open_page("quality")
        table = table_with(app, "Row")
        assert table["As it stands in the file"].iloc[0] == f"{evil} {{"
        assert evil not in all_text(app)

    def test_no_more_than_300_rows_are_sent(self, own_project, open_page):
        app = open_page("quality")
        path = reading.find_ingest(reading.read_market("sample"), box(app, "delivery-").value) / "rejected.parquet"
        many = {
            "row": range(1, 1_001),
            "reasons": [["price missing"]] * 1_000,
            "details": [["x"]] * 1_000,
            "record": ["{}"] * 1_000,
        }
        pd.DataFrame(many).to_parquet(path)
        app = open_page("quality")
        assert len(table_with(app, "Row")) == 300
        assert "300 of 1,000 rows" in all_text(app)

    def test_of_two_results_of_one_delivery_the_one_that_was_checked_is_shown(self, own_project):
        state = reading.read_market("sample")
        delivery = max(account()["deliveries"])
        shown = reading.find_ingest(state, delivery)
        other = shown.with_name("0123456789abcdef")
        other.mkdir()
        manifest = json.loads((shown / "manifest.json").read_bytes())
        manifest["started_at"] = "2999-01-01T00:00:00+00:00"
        manifest["files"]["account.json"]["sha256"] = "0" * 64
        manifest["files"]["accepted.parquet"]["sha256"] = "0" * 64
        (other / "manifest.json").write_text(json.dumps(manifest))
        assert len([result for result in reading.list_results("ingest", "sample") if result.name.endswith(delivery)]) == 2
        assert reading.find_ingest(state, delivery) == shown


class TestLost:
    """Values that were lost or moved, and deliveries that were set aside."""

    def test_lost_and_moved_values_are_counted_by_column(self, own_project, open_page):
        def lose(document):
            document["dropped_values"] = {"fuel unreadable": 12, "gearbox unreadable": 3}
            document["rehomed"] = {"gearbox → fuel": 5}
            document["examples"]["fuel unreadable"] = "a.csv row 1: 'Other'"

        rewrite(place("check") / "account.json", lose)
        app = open_page("quality", **part("lost"))
        table = table_with(app, "label")
        assert list(table["label"]) == ["Fuel", "Gearbox"]
        assert list(table["n"]) == [12, 3]
        assert table["example"].iloc[0] == "a.csv row 1: 'Other'"
        assert not [text for text in app.info if text.value == "None."]

    def test_nothing_lost_is_said(self, own_project, open_page):
        rewrite(place("check") / "account.json", lambda document: document.update(rehomed={}))
        assert "None." in [text.value for text in open_page("quality", **part("lost")).info]

    def test_what_each_delivery_gave_is_listed_the_newest_first(self, project, open_page):
        found = account()["deliveries"]
        table = table_with(open_page("quality", **part("aside")), "rows")
        assert list(table["name"]) == sorted(found, key=lambda name: (night_of(name), name), reverse=True)
        assert list(table["rejected"]) == [found[name]["rejected"] for name in table["name"]]

    def test_sheets_that_were_not_read_are_named_where_a_delivery_has_any(self, own_project, open_page):
        assert "sheets" not in table_with(open_page("quality", **part("aside")), "rows").columns
        newest = max(account()["deliveries"])

        def add(document):
            document["deliveries"][newest]["sheets_unread"] = {"Notes": 3, "2019": 40}

        rewrite(place("check") / "account.json", add)
        table = table_with(open_page("quality", **part("aside")), "rows").set_index("name")
        assert table.loc[newest, "sheets"] == "Notes, 2019"

    def test_a_delivery_that_was_set_aside_says_why(self, own_project, open_page):
        rewrite(place("check") / "account.json", lambda document: document.update(set_aside={"b.csv": "it is a <b>picture</b>"}))
        app = open_page("quality", **part("aside"))
        assert app.warning[-1].value.startswith("1 delivery was set aside")
        assert list(app.dataframe[0].value["why"]) == ["it is a <b>picture</b>"]

    def test_deliveries_from_before_the_history_are_told(self, own_project, open_page):
        history = {"begins": "2025-01-01", "older": 2}
        rewrite(place("check") / "account.json", lambda document: document.update(history=history))
        app = open_page("quality", **part("aside"))
        assert [caption.value for caption in app.caption if "2 deliveries from before" in caption.value]


class TestNights:
    """Findings and drift of a chosen night."""

    @staticmethod
    def compare(root):
        """Let the newest night look as one that was compared, with a column beyond its floor and one finding."""
        share = {"share": 0.2, "usual_share": 0.1, "deviation": 0.3, "noise_floor": 0.1, "is_finding": True}
        calm = {"share": 0.1, "usual_share": 0.1, "deviation": 0.0, "noise_floor": 0.1, "is_finding": False}
        finding = findings.make_finding(findings.DRIFT, "fuel", "The values of fuel moved: **far**.")

        def fill(document):
            document["compared"] |= {"why_not": None, "nights_before": 7, "since": "2025-01-06"}
            document |= {
                "findings": [finding],
                "drift": {
                    "price": {"psi": 0.01, "noise_floor": 0.02, "n": 9, "is_finding": False},
                    "fuel": {"psi": 0.5, "noise_floor": 0.1, "n": 9, "is_finding": True},
                    "city": {"psi": 0.3, "noise_floor": None, "n": 9, "is_finding": False},
                    "doors": {"psi": None, "noise_floor": None, "n": 0, "is_finding": False},
                },
                "estimates": None,
                "volume": {"cars": 90, "rows": 95, "usual_cars": 100.0, "by_weekday": False, "low": 80, "high": 120, **calm},
                "rejected": {"overall": calm, "reasons": {"price missing": share}},
                "missing": {"fuel": calm},
                "lost": {"fuel unreadable": calm},
                "moved": {"gearbox → fuel": calm},
                "headers": {"absent": ["doors"], "unknown": ["<b>new</b>"]},
                "categories": {"fuel": {"lost": [{"word": "gas", "usual": 8.5}], "new": [{"word": "[steam](a)", "cars": 40}]}},
                "champion": {
                    "version": "1",
                    "n": 20,
                    "judged": {"mae": 1.0, "median_ape": 0.1, "interval_coverage": 0.9},
                    "new": {"mae": 1.0, "median_ape": 0.2, "interval_coverage": 0.8},
                    "errors": {"is_finding": True},
                    "coverage": {"is_finding": False},
                },
            }

        rewrite(root / place("monitor") / "monitor.json", fill)

    def test_why_a_night_was_not_compared_is_said(self, project, open_page):
        document = next(night for night in reversed(reading.list_monitored("sample")) if night["compared"]["why_not"])
        why = document["compared"]["why_not"]
        for name in ("findings", "drift"):
            app = open_page("quality", **part(name))
            box(app, "night-").select(document["night"]).run()
            assert any(page.plain(why) in text.value for text in app.info)

    def test_an_earlier_night_can_be_chosen(self, project, open_page):
        nights = reading.list_monitored("sample")
        app = open_page("quality", **part("findings"))
        found = box(app, "night-")
        assert found.options == [TOLD.date(night["night"]) for night in reversed(nights)]
        found.select(nights[0]["night"]).run()
        assert any(page.plain(nights[0]["compared"]["why_not"]) in text.value for text in app.info)

    def test_a_finding_says_what_it_means_and_what_to_do(self, own_project, open_page):
        self.compare(own_project)
        app = open_page("quality", **part("findings"))
        text = "\n".join(element.value for element in app.markdown)
        means = findings.make_finding(findings.DRIFT, "fuel", "")["means"]
        assert "Values moved" in text
        assert page.plain(means) in text
        assert "**far**" not in text
        assert not app.success

    def test_drift_shows_what_was_compared_that_beyond_noise_first(self, own_project, open_page):
        self.compare(own_project)
        app = open_page("quality", **part("drift"))
        assert box(app, "column-").options == ["Fuel", "Price", "City"]
        shares = table_with(app, "deviation")
        assert len(shares) == 5
        assert tuple(shares.iloc[0][["what", "of", "beyond"]]) == ("Rejected", "price missing", "beyond noise")
        words = table_with(app, "word")
        assert list(zip(words["word"], words["n"], strict=True)) == [("gas", 8.5), ("[steam](a)", 40)]
        assert next(metric for metric in app.metric if metric.label == "Cars").value == "90"
        said = [text.value for text in app.warning]
        assert "Its errors are larger, beyond noise." in said
        assert "Its intervals hold less, beyond noise." not in said
        assert not any("<b>" in text for text in said)

    def test_drift_in_french(self, own_project, open_page):
        self.compare(own_project)
        app = open_page("quality", language="fr", **part("drift"))
        assert "Ses erreurs sont plus grandes, au-delà du bruit." in [text.value for text in app.warning]


class TestStates:
    """What is missing or damaged is said, with what to run."""

    @pytest.mark.parametrize("damage", ["gone", "garbage", "other"])
    def test_an_account_that_cannot_be_read_is_named(self, own_project, open_page, damage):
        path = place("check") / "account.json"
        path.unlink() if damage == "gone" else path.write_text("{" if damage == "garbage" else '{"rows": 3}')
        app = open_page("quality")
        assert any("gone or damaged" in text.value for text in app.info)
        assert any("nightly --market sample" in code.value for code in app.code)

    @pytest.mark.parametrize("damage", ["gone", "garbage"])
    def test_rejected_rows_that_cannot_be_read_are_named(self, own_project, open_page, damage):
        app = open_page("quality")
        path = reading.find_ingest(reading.read_market("sample"), box(app, "delivery-").value) / "rejected.parquet"
        path.unlink() if damage == "gone" else path.write_bytes(b"PAR1")
        app = open_page("quality")
        assert any("gone or damaged" in text.value for text in app.info)

    def test_an_ingest_that_is_gone_is_named(self, own_project, open_page):
        for manifest in Path("data/ingest").glob("*/manifest.json"):
            manifest.unlink()
        assert any("rejected\\.parquet is gone or damaged" in text.value for text in open_page("quality").info)

    @pytest.mark.parametrize("name", ["findings", "drift"])
    @pytest.mark.parametrize("text", ["{", "[]", '{"compared": null, "findings": [], "freshness": {}}'])
    def test_nights_that_cannot_be_read_are_told(self, own_project, open_page, name, text):
        for path in Path("data/monitor").glob("*/monitor.json"):
            path.write_text(text)
        assert any("gone or damaged" in found.value for found in open_page("quality", **part(name)).info)

    def test_a_market_without_results_says_what_to_run(self, own_project, open_page):
        (own_project / "data/current/sample.json").unlink()
        app = open_page("quality")
        assert "Nothing was built" in all_text(app)
        assert not app.metric

    def test_a_run_that_ended_before_check_says_so(self, own_project, open_page):
        rewrite(own_project / "data/current/sample.json", lambda pointer: pointer["stages"].pop("check"))
        assert "no result of Check yet" in all_text(open_page("quality"))

    def test_no_rejection_at_all_is_said(self, own_project, open_page):
        rewrite(place("check") / "account.json", lambda document: document.update(reasons={}))
        assert "No row was rejected." in [text.value for text in open_page("quality").info]


def test_the_reasons_of_all_deliveries_add_up_to_those_of_the_market(project):
    found = account()
    total = Counter()
    for delivery in found["deliveries"].values():
        total.update(delivery["reasons"])
    assert dict(total) == found["reasons"]
