"""The page of the market over time: its figures by hand, and as its reader uses it."""

import pandas as pd
import pytest

from dashboard import page, reading, trends
from dashboard.words import Words
from pipeline.services.frames import write_frame
from pipeline.stages.score import select_live
from tests.dashboard.conftest import all_text

NIGHTS = ["2025-01-01", "2025-01-02", "2025-01-03", "2025-01-05"]


def listings(*rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["listing_id", "first_seen_on", "last_seen_on"])
    return frame.assign(make="Dacia", model="Logan", year=2015.0, price=1.0)


def prices(*rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["listing_id", "seen_on", "price"])


class TestTrends:
    """Grouping of Clean's frames."""

    def test_a_price_holds_until_the_next_one_and_a_car_until_it_was_last_seen(self):
        cars = listings(("a", NIGHTS[0], NIGHTS[2]), ("b", NIGHTS[1], NIGHTS[3]))
        asked = prices(("a", NIGHTS[0], 100.0), ("a", NIGHTS[2], 80.0), ("b", NIGHTS[1], 200.0))
        told = trends.follow_market(cars, asked, NIGHTS)
        assert list(told["n"]) == [1, 2, 2, 1]
        assert list(told["median"]) == [100, 150, 140, 200]

    def test_cars_of_undated_deliveries_do_not_count(self):
        cars = listings(("a", None, None), ("b", NIGHTS[0], NIGHTS[0]))
        told = trends.follow_market(cars, prices(("a", None, 1.0), ("b", NIGHTS[0], 5.0)), NIGHTS)
        assert list(told["median"]) == [5]

    def test_many_nights_are_told_by_the_week(self):
        nights = [f"{day:%Y-%m-%d}" for day in pd.date_range("2025-01-06", periods=140)]
        told = trends.follow_market(listings(("a", nights[0], nights[-1])), prices(("a", nights[0], 1.0)), nights)
        assert len(told) == 20
        assert told["night"].iloc[0] == "2025-01-12"

    def test_survival_is_kaplan_and_meiers(self):
        cars = listings(
            ("there from the first", NIGHTS[0], NIGHTS[1]),
            ("gone after one day", NIGHTS[1], NIGHTS[1]),
            ("gone after two", NIGHTS[1], NIGHTS[2]),
            ("still there", NIGHTS[2], NIGHTS[3]),
            ("still there, one day", NIGHTS[3], NIGHTS[3]),
        )
        told = trends.follow_survival(cars, NIGHTS)
        assert (told.gone, told.still, told.left_out) == (2, 2, 1)
        # 4 at risk on day 1 of which 1 goes and 1 is censored; 2 on day 2 of which 1 goes; 1 on day 3, which stays.
        assert list(told.curve["day"]) == [0, 1, 2, 3]
        assert list(told.curve["share"]) == pytest.approx([1, 3 / 4, 3 / 8, 3 / 8])
        assert told.median_days == 2

    def test_a_median_that_was_not_reached_is_not_told(self):
        told = trends.follow_survival(
            listings(("a", NIGHTS[1], NIGHTS[1]), ("b", NIGHTS[1], NIGHTS[3]), ("c", NIGHTS[1], NIGHTS[3])), NIGHTS
        )
        assert told.median_days is None

    def test_cuts_and_rises_are_counted_apart(self):
        cars = listings(*((name, NIGHTS[0], NIGHTS[3]) for name in "abc"))
        asked = prices(
            ("a", NIGHTS[0], 100.0),
            ("a", NIGHTS[1], 90.0),
            ("a", NIGHTS[2], 99.0),
            ("b", NIGHTS[0], 100.0),
            ("b", NIGHTS[1], 60.0),
            ("c", NIGHTS[0], 5.0),
        )
        told = trends.count_cuts(cars, asked, "make")
        assert (told.listings, told.with_cut, told.cuts, told.rises) == (3, 2, 2, 1)
        assert told.median_cut == pytest.approx(0.25)
        assert told.sizes.loc[told.sizes["n"] > 0, "high"].tolist() == [0.1, float("inf")], "10 % is up to 10 %"
        assert told.shares.empty, "three listings say little of a make"


def frames_of():
    place = reading.read_market("sample").place("clean")
    return reading.read_rows(place, "listings.parquet"), reading.read_rows(place, "prices.parquet")


def part(app, name):
    app.segmented_control(key="market-part").set_value(name).run()
    assert not app.exception, [one.value for one in app.exception]
    return app


class TestThePage:
    """Its parts and its choices."""

    def test_levels_are_those_of_the_live_listings(self, project, open_page):
        cars, _ = frames_of()
        newest = cars["last_seen_on"].max()
        live = select_live(cars, newest)
        frame = open_page("market").dataframe[0].value.set_index("Make")
        assert frame.loc["Renault", "For sale"] == (live["make"] == "Renault").sum()
        assert frame.loc["Renault", "Median price"] == round(live.loc[live["make"] == "Renault", "price"].median())
        assert f"{len(live):,} cars are for sale" in all_text(open_page("market"))

    def test_a_make_shows_its_models_and_a_model_its_years(self, project, open_page):
        app = open_page("market")
        app.selectbox(key="make-of-sample").select("Renault").run()
        assert "Clio" in list(app.dataframe[0].value["Model"])
        app.selectbox(key="model-of-sample-Renault").select("Clio").run()
        cars, _ = frames_of()
        live = select_live(cars, cars["last_seen_on"].max())
        years = live.loc[(live["make"] == "Renault") & (live["model"] == "Clio"), "year"]
        assert set(app.dataframe[0].value["Year"]) <= {str(int(year)) for year in years}
        assert f"{len(years)} cars are for sale" in all_text(app)

    @pytest.mark.parametrize("language", ["en", "fr"])
    @pytest.mark.parametrize("name", ["levels", "time", "days", "cuts"])
    def test_every_part_is_drawn(self, project, open_page, language, name):
        app = part(open_page("market", language=language), name)
        assert app.get("vega_lite_chart")

    def test_days_for_sale_tell_what_is_not_known(self, project, open_page):
        cars, asked = frames_of()
        told = trends.follow_survival(cars, trends.list_nights(cars, asked))
        assert min(told.gone, told.still, told.left_out) > 0
        text = all_text(part(open_page("market"), "days"))
        assert f"{told.gone:,} are gone, sold or withdrawn. {told.still:,} are still for sale" in text
        assert f"{told.left_out:,} were there on the first night" in text

    def test_cuts_are_counted(self, project, open_page):
        cars, asked = frames_of()
        told, words = trends.count_cuts(cars, asked, "make"), Words("en", "MAD")
        assert told.cuts > 0
        metrics = [metric.value for metric in part(open_page("market"), "cuts").metric]
        assert metrics == [
            words.share(told.with_cut / len(cars), 1),
            words.share(told.median_cut, 1),
            f"{told.cuts} / {told.rises}",
        ]


def rewrite(frame: pd.DataFrame, name: str) -> None:
    place = reading.read_market("sample").place("clean")
    place.chmod(0o755)
    (place / name).chmod(0o644)
    write_frame(frame, place / name)


class TestWhatIsNotThere:
    """Every lack is told."""

    def test_undated_deliveries_have_levels_alone(self, own_project, open_page):
        cars, _ = frames_of()
        rewrite(cars.assign(first_seen_on=pd.Series(None, index=cars.index, dtype="str")), "listings.parquet")
        app = open_page("market")
        assert "bear no dates" in all_text(app)
        assert not [one for one in app.segmented_control if one.key == "market-part"]
        assert app.dataframe[0].value["For sale"].sum() <= len(cars)

    def test_one_night_says_nothing_of_time(self, own_project, open_page):
        cars, asked = frames_of()
        night = cars["last_seen_on"].max()
        rewrite(cars.assign(first_seen_on=night, last_seen_on=night), "listings.parquet")
        rewrite(asked.assign(seen_on=night).drop_duplicates("listing_id"), "prices.parquet")
        assert "One night says nothing of time" in all_text(part(open_page("market"), "time"))
        assert "how long they stay cannot be said" in all_text(part(open_page("market"), "days"))
        assert "No price of these cars was cut" in all_text(part(open_page("market"), "cuts"))

    @pytest.mark.parametrize("name", ["listings.parquet", "prices.parquet"])
    def test_a_damaged_file(self, own_project, open_page, name):
        place = reading.read_market("sample").place("clean")
        (place / name).chmod(0o644)
        (place / name).write_bytes(b"PAR1 and no more")
        app = open_page("market")
        if name == "prices.parquet":
            part(app, "time")
        assert f"{page.plain(name)} is gone or damaged" in all_text(app)

    def test_no_results(self, tmp_path, monkeypatch, open_page):
        (tmp_path / "data/raw/sample").mkdir(parents=True)
        monkeypatch.chdir(tmp_path)
        assert "Nothing was built for" in all_text(open_page("market"))
