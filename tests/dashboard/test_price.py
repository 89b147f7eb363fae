"""The page that prices a car, as its reader uses it."""

import re

from tests.dashboard.conftest import all_text


def choose(app, start, value):
    """Choose in the first select box whose key begins so."""
    next(box for box in app.selectbox if box.key.startswith(start)).select(value)
    app.run()
    assert not app.exception


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
        models = next(box for box in app.selectbox if box.key.startswith("model-"))
        assert "Clio" in models.options
        assert "Golf" not in models.options
