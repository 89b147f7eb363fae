"""The page that prices a car, as its reader uses it."""

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from dashboard import reading, valuing
from dashboard.charts import prices as charts
from pipeline import paths
from pipeline.market_files import load_market
from pipeline.serving import load_seat
from pipeline.valuation.mileage import KM_PER_YEAR, MileageFloor
from tests.dashboard.conftest import all_text, run_pipeline


def box(app, start):
    return next(found for found in app.selectbox if found.key.startswith(start))


def number(app, start):
    return next(found for found in app.number_input if found.key.startswith(start))


def choose(app, start, value):
    """Choose in the first select box whose key begins so."""
    box(app, start).select(value)
    app.run()
    assert not app.exception


def figure(text):
    return int(re.sub(r"\D", "", text))


@pytest.fixture
def served(project):
    state = reading.read_market("sample")
    return load_seat("sample", state.champion.seat), load_market("sample", tuple(paths.market_folders()))


@pytest.fixture
def doubting(monkeypatch):
    """Let little mileage be a slip: it is usual in the sample, as on the market that it imitates, so that all of it is believed."""
    believes = MileageFloor.believes
    monkeypatch.setattr(
        MileageFloor,
        "believes",
        lambda floor, mileage_km, year: believes(MileageFloor(floor.newest_year, KM_PER_YEAR), mileage_km, year),
    )


class TestAPrice:
    """The price of a car that the model knows."""

    def test_opening_the_page_prices_the_most_common_car(self, project, open_page):
        app = open_page("price")
        (estimate,) = [metric.value for metric in app.metric]
        assert re.fullmatch(r"MAD\s[\d,]+", estimate)
        assert "holds the asked price of 90% of such cars" in all_text(app)

    def test_models_follow_the_make(self, project, open_page):
        app = open_page("price")
        choose(app, "make-", "Renault")
        models = box(app, "model-")
        assert "Clio" in models.options
        assert "Golf" not in models.options

    def test_it_is_the_price_of_the_command(self, project, open_page, monkeypatch):
        asked = []
        real = valuing.price_cars
        monkeypatch.setattr(valuing, "price_cars", lambda served, market, cars: asked.extend(cars) or real(served, market, cars))
        app = open_page("price")
        choose(app, "make-", "Dacia")
        choose(app, "model-", "Logan")
        number(app, "year-").set_value(2014)
        number(app, "mileage_km-").set_value(120_000)
        app.run()
        car = asked[-1]
        assert (car["make"], car["model"], car["year"], car["mileage_km"]) == ("Dacia", "Logan", "2014", "120000")
        options = [part for name, value in car.items() for part in (f"--{name.replace('_', '-')}", value)]
        printed = run_pipeline(project, "price", "--market", "sample", "--format", "json", *options, module="pipeline")
        assert figure(app.metric[0].value) == json.loads(printed)["estimate"]

    def test_another_version_can_be_chosen_and_is_named(self, project, open_page):
        state = reading.read_market("sample")
        others = [version for version in reading.list_versions(state) if version.role != reading.CHAMPION]
        assert others
        app = open_page("price")
        choose(app, "version-", others[0].version)
        text = all_text(app)
        assert f"Version {others[0].version} is not the champion" in text
        assert others[0].seat.fingerprint[:16] in text

    def test_what_cannot_be_priced_is_refused_with_its_reason(self, project, open_page):
        app = open_page("price")
        number(app, "mileage_km-").set_value(999_000)
        app.run()
        assert not app.metric
        assert any("contradicts itself" in error.value for error in app.error)
        assert "There is no price to explain." in all_text(app)


class TestAroundIt:
    """What surrounds a price."""

    def test_what_moved_it_adds_up_to_it(self, project, open_page):
        app = open_page("price")
        year = number(app, "year-")
        year.set_value(year.value - 4)
        app.run()
        estimate = figure(app.metric[0].value)
        table = app.dataframe[0].value
        signed = [(-1 if "−" in told else 1) * figure(told) for told in table["Changes the price by"]]
        assert "Year" in list(table["What"])
        typical = estimate - sum(signed)
        assert typical > estimate  # an older car is cheaper than the typical one

    def test_the_bars_end_at_the_price_above_them(self, project, open_page, monkeypatch):
        drawn = []
        draw = charts.draw_contributions
        monkeypatch.setattr(charts, "draw_contributions", lambda start, end, *rest: drawn.append(end) or draw(start, end, *rest))
        app = open_page("price")
        number(app, "year-").set_value(number(app, "year-").value - 4)
        app.run()
        assert round(drawn[-1][1]) == figure(app.metric[0].value)

    def test_comparable_adverts_are_of_the_model(self, project, open_page):
        app = open_page("price", part="near")
        make, model = box(app, "make-").value, box(app, "model-").value
        table = app.dataframe[0].value
        assert len(table)
        assert all(car.startswith(make) for car in table["Car"])
        assert f"{make} {model}" in set(table["Car"])
        assert "Advert" not in table, "adverts of the sample have no address"

    def test_comparable_adverts_link_to_the_web_where_they_have_an_address(self, project, open_page, monkeypatch):
        monkeypatch.setattr(
            "pipeline.stages.deals.find_url", lambda name: "https://cars.invalid/1" if name[-1] in "02468" else None
        )
        table = open_page("price", part="near").dataframe[0].value
        assert set(table["Advert"].dropna()) == {"https://cars.invalid/1"}

    def test_what_if_shows_both_prices(self, project, open_page):
        app = open_page("price", part="if")
        changed = [found for found in app.number_input if found.key.startswith("year-if-")]
        changed[0].set_value(changed[0].value - 5)
        app.run()
        assert not app.exception
        first, as_it_is, other = [metric.value for metric in app.metric]
        assert first == as_it_is
        assert figure(other) < figure(first)

    def test_age_and_mileage_are_drawn(self, project, open_page):
        app = open_page("price", part="age")
        assert len(app.get("vega_lite_chart")) == 3  # the interval and two curves

    def test_a_mileage_that_is_not_believed_is_said_so_and_marks_no_place_on_the_curves(self, project, open_page, doubting):
        app = open_page("price", part="age")
        assert sum("diamond" in chart.proto.spec for chart in app.get("vega_lite_chart")) == 2
        year = number(app, "year-")
        year.set_value(year.value - 8)
        number(app, "mileage_km-").set_value(1_000)
        app.run()
        assert not app.exception
        assert any("mileage 1,000 km is hardly believable" in warning.value for warning in app.warning)
        assert not any("diamond" in chart.proto.spec for chart in app.get("vega_lite_chart"))

    @pytest.mark.parametrize("part", ["why", "near", "age", "if"])
    def test_every_part_speaks_french(self, project, open_page, part):
        app = open_page("price", language="fr", part=part)
        assert "Estimation" in all_text(app)
        assert "holds" not in all_text(app)


class TestValuing:
    """What the page asks of a model."""

    def test_a_curve_over_the_years_begins_at_the_newest_and_holds_the_cars_own_price(self, served):
        model, market = served
        car = {"make": "Dacia", "model": "Logan", "year": "2014", "mileage_km": "100000"}
        (own,) = valuing.price_cars(model, market, [car])
        points = valuing.follow_age(model, market, car)
        assert points["x"].is_monotonic_decreasing
        assert points.loc[points["x"] == 2014, "estimate"].iloc[0] == own.estimate
        assert (points["low"] <= points["estimate"]).all()

    def test_a_curve_ends_where_so_little_mileage_is_not_believed(self, served, doubting):
        model, market = served
        newest = round(model.model.domain.newest_year)
        car = {"make": "Dacia", "model": "Logan", "year": f"{newest - 10}", "mileage_km": "15000"}
        mileages, years = valuing.follow_mileage(model, market, car)["x"], valuing.follow_age(model, market, car)["x"]
        assert 20_000 <= mileages.min() < 30_000
        assert years.tolist() == [float(newest - age) for age in range(8)]
        new = valuing.follow_mileage(model, market, car | {"year": f"{newest}"})
        assert new["x"].min() == 1

    def test_equipment_that_changes_no_price_is_not_asked_for(self, served):
        model = served[0].model
        only_abs = SimpleNamespace(
            choice=model.choice,
            typical=model.typical,
            domain=model.domain,
            words=model.words,
            estimate=lambda cars: pd.DataFrame({"estimate": 100_000 + 500 * cars["has_abs"]}),
        )
        idle = valuing.find_idle_equipment(only_abs)
        assert {"has_airbags", "has_esp"} <= set(idle)
        asked = {question.name for question in valuing.list_questions(only_abs, "Dacia", "Logan", idle)}
        assert "has_abs" in asked
        assert not asked & set(idle)

    def test_models_with_the_most_adverts_come_first(self, served):
        model, _ = served
        counts = valuing._count_models(model.model)
        names = valuing.list_models(model.model, "Renault")
        assert [counts["Renault", name] for name in names] == sorted((counts["Renault", name] for name in names), reverse=True)


class TestStates:
    """What the page says where there is no price to show."""

    def test_a_market_without_results_says_what_to_run(self, own_project, open_page):
        for path in own_project.glob("data/current/*.json"):
            path.unlink()
        app = open_page("price")
        assert "Nothing was built" in all_text(app)
        assert any("nightly --market sample" in code.value for code in app.code)

    def test_stale_prices_are_marked_once_above_and_beside_the_price(self, project, open_page):
        app = open_page("price")
        assert sum("These prices are stale" in warning.value for warning in app.warning) == 1
        assert any("· stale ·" in caption.value for caption in app.caption)

    def test_invented_adverts_are_marked(self, project, open_page):
        assert any("These adverts are invented" in info.value for info in open_page("price").info)

    def test_a_champion_that_is_gone_is_told_with_the_remedy(self, own_project, open_page):
        seat = reading.read_market("sample").champion.seat
        folder = Path(seat.folder)
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        (folder / "model.skops").write_bytes(b"no model")
        app = open_page("price")
        assert "cannot price" in all_text(app)
        assert "rollback" in all_text(app)

    def test_without_any_model_it_says_so(self, own_project, open_page):
        shutil.rmtree(own_project / "data/champion")
        for folder in own_project.glob("models/*"):
            for path in [folder, *folder.rglob("*")]:
                path.chmod(0o755 if path.is_dir() else 0o644)
            shutil.rmtree(folder)
        app = open_page("price")
        assert "nothing may price" in all_text(app)
