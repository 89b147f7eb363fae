"""The page of the deals, as its reader uses it."""

import io
import re

import pandas as pd
import pytest

from dashboard import deals, page, reading
from dashboard.words import Words
from pipeline.listing import NOT_RATED, RATINGS
from pipeline.services.frames import write_frame
from pipeline.stages.deals import DEAL_RATINGS
from tests.dashboard.conftest import all_text


def scores_of(market="sample") -> pd.DataFrame:
    return reading.read_rows(reading.read_market(market).place("score"), "scores.parquet")


def rewrite(scores: pd.DataFrame) -> None:
    """Put other scores in the place of the current ones."""
    place = reading.read_market("sample").place("score")
    place.chmod(0o755)
    (place / "scores.parquet").chmod(0o644)
    write_frame(scores, place / "scores.parquet")


def table(app) -> pd.DataFrame:
    """Return the table of listings, which is the first on the page."""
    return app.dataframe[0].value


def with_all_ratings(app):
    app.pills(key="rating-sample").set_value([]).run()
    assert not app.exception
    return app


class TestTheDeals:
    """What is shown before anything is chosen."""

    def test_the_deals_come_most_below_their_estimate_first(self, project, open_page):
        scores = scores_of()
        wanted = scores[scores["rating"].isin(DEAL_RATINGS)].sort_values(["position", "listing_id"])
        assert len(wanted) > 5
        shown = table(open_page("deals"))
        assert list(shown["Price"]) == list(wanted["price"].round())
        assert list(shown["Off by"]) == pytest.approx(list(wanted["position"] * 100))
        assert shown["Off by"].is_monotonic_increasing

    @pytest.mark.parametrize(
        ("language", "told", "live"),
        [("en", "cars** are for sale", "live listings"), ("fr", "voitures** sont", "annonces actives")],
    )
    def test_it_is_told_how_many_are_deals_and_how_many_are_live(self, project, open_page, language, told, live):
        scores, words = scores_of(), Words(language, "MAD")
        text = all_text(open_page("deals", language=language))
        assert f"**{words.number(int(scores['rating'].isin(DEAL_RATINGS).sum()))} {told}" in text
        assert f"{words.number(len(scores))} {live}" in text

    def test_every_listing_that_is_not_rated_is_told_with_its_reason(self, project, open_page):
        scores = scores_of()
        why = deals.find_why_not(scores).value_counts()
        assert why.sum() == (scores["rating"] == NOT_RATED).sum() > 0
        text = all_text(open_page("deals"))
        assert f"beyond what the model has seen: {why['extrapolated']}" in text

    def test_how_far_to_believe_it_is_the_champions_own_judgement(self, project, open_page):
        champion = reading.read_market("sample").champion
        metrics = reading.read_document(project / champion.seat.evaluation, "metrics.json")
        told = f"of {metrics['n_test']:,} prices it had never seen, half lay within {metrics['median_ape']:.0%}"
        assert told in all_text(open_page("deals"))

    def test_a_picture_of_other_listings_is_the_same_picture_of_other_data(self, project, open_page):
        app = open_page("deals")
        before = [chart.proto for chart in app.get("vega_lite_chart")]
        app.pills(key="rating-sample").set_value(["high price"]).run()
        after = [chart.proto for chart in app.get("vega_lite_chart")]
        deals_drawn, rated, interval, like = zip(before[:4], after[:4], strict=True)
        for was, now in (deals_drawn, interval, like):
            # But for the names of data, which are digests of them.
            assert re.sub("data-[0-9a-f]{32}", "", was.spec) == re.sub("data-[0-9a-f]{32}", "", now.spec), "it would be made anew"
            assert was.datasets != now.datasets
        assert rated[0] == rated[1]

    def test_the_best_deal_is_looked_at_first(self, project, open_page):
        best = scores_of()
        best = best[best["rating"].isin(DEAL_RATINGS)].sort_values(["position", "listing_id"]).iloc[0]
        app = open_page("deals")
        assert best["make"] in app.subheader[0].value
        assert app.code[-1].value == best["listing_id"]
        assert f"{-best['position']:.0%} below the estimate" in all_text(app)


class TestTheFilters:
    """Each keeps what it says."""

    def test_a_make_and_then_its_models(self, project, open_page):
        app = with_all_ratings(open_page("deals"))
        scores = scores_of()
        app.selectbox(key="make-sample").select("Renault").run()
        models = app.selectbox(key="model-sample").options
        assert set(models) == set(scores.loc[scores["make"] == "Renault", "model"])
        app.selectbox(key="model-sample").select("Clio").run()
        wanted = scores[(scores["make"] == "Renault") & (scores["model"] == "Clio")]
        assert set(table(app)["Car"]) == {"Renault Clio"}
        assert len(table(app)) == len(wanted)

    @pytest.mark.parametrize("rating", [*RATINGS, NOT_RATED])
    def test_a_rating(self, project, open_page, rating):
        app = open_page("deals")
        app.pills(key="rating-sample").set_value([rating]).run()
        n = int((scores_of()["rating"] == rating).sum())
        assert n > 0
        assert len(table(app)) == min(n, 300)
        assert set(table(app)["Rating"]) == {rating}

    @pytest.mark.parametrize(
        ("key", "bound", "column", "is_within"),
        [
            ("year-from", 2015, "year", lambda values: values >= 2015),
            ("year-to", 2010, "year", lambda values: values <= 2010),
            ("price-to", 90_000, "price", lambda values: values <= 90_000),
            ("mileage_km-to", 100_000, "mileage_km", lambda values: values <= 100_000),
            ("days_listed-from", 2, "days_listed", lambda values: values >= 2),
        ],
    )
    def test_a_range_leaves_out_what_is_beyond_it_or_not_known(self, project, open_page, key, bound, column, is_within):
        app = with_all_ratings(open_page("deals"))
        scores = scores_of()
        n = int(is_within(scores[column]).sum())
        assert 0 < n < len(scores)
        app.number_input(key=f"{key}-sample").set_value(bound).run()
        assert f"**{n:,} listing" in all_text(app)

    def test_only_prices_below_their_interval(self, project, open_page):
        app = with_all_ratings(open_page("deals"))
        scores = scores_of()
        app.toggle(key="below-sample").set_value(True).run()
        assert len(table(app)) == (scores["price"] < scores["low"]).sum() > 0

    def test_a_filter_that_leaves_nothing_says_so(self, project, open_page):
        app = open_page("deals")
        app.number_input(key="price-to-sample").set_value(1).run()
        assert "No listing with an estimate fits these filters." in all_text(app)
        assert not app.dataframe
        assert not app.exception

    def test_no_more_than_300_rows_go_to_the_browser_and_all_are_counted(self, project, open_page):
        app = with_all_ratings(open_page("deals"))
        n = len(scores_of())
        assert n > 300
        assert len(table(app)) == 300
        assert f"**{n:,} listings, the first 300 are shown**" in all_text(app)


class TestOneListing:
    """What is told of a listing below the table."""

    def only(self, own_project, open_page, **values):
        """Open the page where one listing alone is live, with other values."""
        scores = scores_of()
        row = scores[scores["rating"].isin(DEAL_RATINGS)].head(1)
        rewrite(row.assign(**values))
        return open_page("deals")

    def test_a_refused_listing_says_why_and_has_no_estimate(self, own_project, open_page):
        reason = "year 2060 is after 2025, the newest seen"
        nothing = dict.fromkeys(("estimate", "low", "high", "position", "standing"), float("nan"))
        app = self.only(own_project, open_page, status="refused", reason=reason, rating=NOT_RATED, **nothing)
        app.pills(key="rating-sample").set_value([]).run()
        (told,) = [error.value.replace("\\", "") for error in app.error]
        assert reason in told
        assert "refused: no price at all: 1" in all_text(app)

    @pytest.mark.parametrize(("price", "is_told"), [(5_900.0, True), (6_100.0, False)])
    def test_a_price_below_its_whole_interval_is_told_with_what_that_mostly_is(self, own_project, open_page, price, is_told):
        app = self.only(own_project, open_page, price=price, estimate=8_000.0, low=6_000.0, high=10_000.0, rating=RATINGS[0])
        assert any("more often damage" in one.value for one in app.warning) == is_told

    def test_a_doubted_estimate_is_told_beside_what_its_like_ask(self, own_project, open_page):
        values = {"price": 90_000.0, "estimate": 640_000.0, "low": 330_000.0, "high": 1_240_000.0, "position": -0.86}
        app = self.only(own_project, open_page, rating=NOT_RATED, typical_price=100_000.0, n_like_it=20, **values)
        app.pills(key="rating-sample").set_value([]).run()
        assert app.warning[-1].value.startswith("The estimate is doubtful")
        typical = page.plain(Words("en", "MAD").money(100_000))
        assert f"20 others like it. Half of those of about its year ask less than {typical}." in all_text(app)
        assert "estimate far from what cars like it ask: 1" in all_text(app)

    def test_scores_of_before_estimates_were_doubted_are_shown(self, own_project, open_page):
        rewrite(scores_of().drop(columns="typical_price"))
        app = open_page("deals")
        assert not app.exception
        assert "about its year" not in all_text(app)

    def test_markup_in_an_advert_is_shown_as_it_is(self, own_project, open_page):
        app = self.only(own_project, open_page, make="**x** <b>", model=":red[y] $z$ [a](http://b)")
        (title,) = [header.value for header in app.subheader]
        assert title.startswith(page.plain("**x** <b> :red[y] $z$ [a](http://b)"))
        assert "\\[a\\]\\(" in title

    @pytest.mark.parametrize(
        ("listing_id", "link"),
        [("advert_id:https://a.example/1", "https://a.example/1"), ("advert_id:javascript:alert(1)", None)],
    )
    def test_only_an_address_of_the_web_becomes_a_link(self, own_project, open_page, listing_id, link):
        app = self.only(own_project, open_page, listing_id=listing_id)
        assert [button.proto.url for button in app.link_button] == ([link] if link else [])
        assert ("Advert" in table(app)) == bool(link)

    def test_its_prices_are_those_of_the_nights(self, project, open_page):
        prices = reading.read_rows(reading.read_market("sample").place("clean"), "prices.parquet")
        app = open_page("deals")
        own = prices[prices["listing_id"] == app.code[-1].value]
        if len(own) == 1:
            assert f"since {Words('en', 'MAD').date(own['seen_on'].iloc[0])}" in all_text(app)
        else:
            assert len(app.get("vega_lite_chart")) == 5


class TestWhatIsNotThere:
    """Every lack is told, with what to run."""

    def test_no_results(self, tmp_path, monkeypatch, open_page):
        (tmp_path / "data/raw/sample").mkdir(parents=True)
        monkeypatch.chdir(tmp_path)
        app = open_page("deals")
        assert "Nothing was built for" in all_text(app)
        assert not app.dataframe

    @pytest.mark.parametrize("harm", ["damaged", "gone"])
    @pytest.mark.parametrize("stage_file", [("score", "scores.parquet"), ("clean", "prices.parquet")])
    def test_a_file_that_cannot_be_read(self, own_project, open_page, harm, stage_file):
        stage, name = stage_file
        place = reading.read_market("sample").place(stage)
        place.chmod(0o755)
        (place / name).chmod(0o644)
        if harm == "gone":
            (place / name).unlink()
        else:
            (place / name).write_bytes((place / name).read_bytes()[:200])
        text = all_text(open_page("deals"))
        assert f"{page.plain(name)} is gone or damaged" in text
        assert "python -m pipeline nightly --market sample" in text

    def test_no_champion(self, own_project, open_page):
        (own_project / "data/champion/sample.json").unlink()
        assert "There is no champion, so nothing is priced." in all_text(open_page("deals"))

    def test_a_night_without_a_live_listing(self, own_project, open_page):
        rewrite(scores_of().head(0))
        assert "No listing is live" in all_text(open_page("deals"))


def test_the_csv_holds_every_row_and_no_formula():
    listings = pd.DataFrame(
        {"listing_id": ["=cmd()", "+1", "a,b"], "price": [1.5, float("nan"), -3.0], "reason": ["", None, "@x"]}
    )
    read = pd.read_csv(io.BytesIO(deals.write_csv(listings)), dtype=str, keep_default_na=False)
    assert list(read["listing_id"]) == ["'=cmd()", "+1", "a,b"]
    assert list(read["price"]) == ["1.5", "", "-3.0"]
    assert list(read["reason"]) == ["", "", "'@x"]
    assert listings["listing_id"].iloc[0] == "=cmd()", "the frame is shared and must stay"
