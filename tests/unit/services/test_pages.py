"""The page of a report: what it says in each state of a market, and that nothing gets out of its cell."""

import re
from html.parser import HTMLParser

import pytest

from pipeline.services import pages
from pipeline.services.pages import render_report, template_path
from pipeline.stages.report import make_report
from tests import reporting
from tests.reporting import CHALLENGER, CHAMPION, sources

VOID = {"meta", "br", "path", "rect", "circle", "polygon", "polyline"}
EVIL = '<script>alert("x")</script>'


def page_of(**more: object) -> str:
    return render_report(make_report(sources(**more)))


class Reading(HTMLParser):
    """The words of a page, and whether its elements are closed in the order in which they were opened."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self._open: list[str] = []
        self.feed(page)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.extend(attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes.extend(attrs)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


def text_of(**more: object) -> str:
    return Reading(page_of(**more)).text


class TestStates:
    """What is said in each state of a market."""

    def test_promoted(self):
        text = text_of()
        assert "promoted 2 rules passed" in text
        assert "Version 7 is the new champion, in the place of version 5." in text
        assert "90 EUR closer to the price asked than the champion" in text
        assert "with 90% confidence between 120 EUR closer and 60 EUR closer. 2 judged listings were left out" in text

    def test_refused(self):
        text = text_of(
            verdict=reporting.verdict("refused"),
            serving={**CHAMPION, "promoted_on": "2024-01-21"},
            verdict_segments=reporting.compared("Seat"),
        )
        assert "refused 1 of 2 rules failed" in text
        assert f"Priced by version 5 · data of 2024-01-20 · {'a' * 16}, champion since 2024-01-21" in text
        assert "This section judges the challenger, version 7" in text
        assert "1 is much worse beyond noise:" in text
        assert re.search(r"make Seat worse.*900 EUR.*\+12.5%", text)

    def test_kept(self):
        text = text_of(verdict=reporting.verdict("kept", CHALLENGER), verdict_segments=reporting.compared().iloc[:0])
        assert "Version 7 stays the champion: no other model was made." in text
        assert "This section judges the champion, version 7" in text
        assert "There is nothing to compare: the model is the champion." in text

    def test_a_verdict_without_figures_still_makes_a_page(self):
        assert "stays the champion" in text_of(verdict={**reporting.verdict("kept", CHALLENGER), "figures": {}})

    def test_a_first_model(self):
        text = text_of(verdict=reporting.verdict(champion=None), verdict_segments=reporting.compared().iloc[:0])
        assert "first champion of this market" in text
        assert "There was no champion when it was judged." in text
        assert "There was no champion to compare with." in text

    def test_without_a_champion_nothing_is_priced(self):
        text = Reading(render_report(make_report(reporting.without_champion()))).text
        assert "Nothing is priced: this market has no champion" in text
        assert "5 listings are live." in text
        assert "below estimate" not in text
        assert "Priced by" not in text

    def test_nothing_judges_both(self):
        assert "No listing judges both." in text_of(verdict=reporting.verdict(n_judged=0))

    def test_synthetic_data_are_marked_loudly(self):
        assert "Synthetic data" not in page_of()
        assert '<p class="banner" role="note"><b>Synthetic data</b>' in page_of(synthetic=True)

    def test_old_data_are_marked_loudly(self):
        stale = "the newest delivery with rows is of 2024-02-10, 99 days before 2024-05-19"
        text = text_of(night="2024-05-19", score_account={**sources().score_account, "stale": stale})
        assert "The newest delivery is of 2024-02-10, 99 days before." in text
        assert "These prices are stale" in text
        assert f"Beware: {stale}." in text
        assert "stale" not in text_of()

    def test_an_undated_market_claims_no_date(self):
        undated = {"data_as_of": "", "trained_until": None}
        text = text_of(
            night="",
            newest_delivery="",
            verdict={**reporting.verdict(), "challenger": {**CHALLENGER, **undated}, "champion": {**CHAMPION, **undated}},
            serving={**CHALLENGER, **undated, "promoted_on": ""},
            split={"split": "by identity", "trained_until": None, "n_train": 500, "n_test": 80},
            score_account={**sources().score_account, "night": "", "since": None},
            intake=reporting.intake(deliveries={}, examples={}),
            monitored={"findings": [], "compared": {"night": None, "nights_before": 0, "why_not": "no delivery is dated"}},
        )
        assert "The deliveries of this market bear no dates." in text
        assert "chosen by their identity" in text
        assert not re.search(r"\d{4}-\d\d-\d\d", text)

    def test_nothing_rejected(self):
        clean = reporting.intake(accepted=700, rejected=0, unreadable=0, reasons={}, dropped_values={}, examples={}, remedies=[])
        text = text_of(intake=clean)
        assert "No row was rejected." in text
        assert "Why rows were rejected" not in text

    def test_rejections_and_what_was_set_aside_are_told(self):
        text = text_of(intake=reporting.intake(set_aside={"bad.csv": "it is no table"}))
        assert "year below 1920152024-02-10.csv row 7: '1066'" in text
        assert "bad.csv: it is no table" in text
        assert "19 rejected (2.7%)" in text
        assert "It may help to say [files] decimal." in text

    def test_deliveries_from_before_the_history_are_told(self):
        assert "history" not in text_of(intake=reporting.intake())
        text = text_of(intake=reporting.intake(history={"begins": "2024-01-31", "older": 2}))
        assert "The history begins with 2024-01-31: 2 deliveries from before it left out" in text

    def test_no_live_listing(self):
        text = text_of(scores=reporting.scores().iloc[:0], score_account={**sources().score_account, "live": 0})
        assert "No listing is live." in text
        assert "No live listing is rated" not in text

    def test_no_deal(self):
        assert "No live listing is rated a great or good price." in text_of(scores=reporting.scores().iloc[2:])

    def test_deals_say_what_a_buyer_asks(self):
        text = text_of()
        assert re.search(
            r"2015 Seat Ibiza mileage not told .*4,000 EUR.*10,000 EUR.*8,000–12,000.*60%.*6,000 EUR.*below its interval", text
        )
        assert re.search(r"2015 Audi A4 90,000 km .*9,000 EUR.*10%.*3 days ?2 price changes, the last −5%", text)
        assert "2 ratings changed since 2024-02-09." in text
        assert "1 is not rated" in text

    def test_what_was_rebuilt_and_why(self):
        text = text_of()
        assert "1 of 2 results was built, 1 reused." in text
        assert "Ingest drawn/1.csvbuiltfirst run" in text
        assert "Nothing was rebuilt: the one result was reused." in text_of(rebuilt=sources().rebuilt[1:])

    def test_a_model_that_loses_to_a_baseline_says_so(self):
        text = text_of(metrics={**reporting.metrics(), "mae": 1_450.0})
        assert "Worse than a baselineThe mean error is greater than that of the original system's recipe." in text

    def test_few_judged_listings_still_make_a_page(self):
        assert "Residuals" in text_of(estimates=reporting.judged(1))


class TestSafety:
    """A page stands alone, and what others wrote stays text."""

    @pytest.mark.parametrize("column", ["listing_id", "make", "model", "city"])
    def test_adverts_are_escaped(self, column):
        page = page_of(scores=reporting.scores(**{column: EVIL}))
        assert "<script" not in page
        assert "&lt;script&gt;" in page

    @pytest.mark.parametrize(
        "more",
        [
            {"title": EVIL},
            {"intake": reporting.intake(examples={"year below 1920": EVIL}, set_aside={EVIL: EVIL}, rehomed={EVIL: 1})},
            {"rebuilt": [{"name": EVIL, "family": EVIL, "outcome": "built", "reasons": [EVIL]}]},
            {"segments": reporting.segments().assign(segment=EVIL)},
            {"verdict": {**reporting.verdict(), "reasons": [{"rule": EVIL, "passed": False, "text": f"{EVIL} 2024-01-01"}]}},
        ],
        ids=["title", "intake", "rebuilt", "segments", "reasons"],
    )
    def test_so_is_all_else(self, more):
        assert "script" not in Reading(page_of(**more)).tags

    def test_it_loads_nothing_and_runs_nothing(self):
        reading = Reading(page_of())
        assert not reading.tags & {"script", "link", "img", "iframe", "object", "form"}
        assert not [name for name, _ in reading.attributes if name.startswith("on") or name == "src"]
        links = {value for name, value in reading.attributes if name == "href"}
        assert {link for link in links if not link.startswith("#")} == {"https://cars.example/2?x=1&y=2"}
        assert "url(" not in page_of()

    def test_links_to_adverts_do_not_tell_whence(self):
        assert 'href="https://cars.example/2?x=1&amp;y=2" rel="noopener noreferrer nofollow"' in page_of()

    def test_charts_have_text(self):
        page = page_of()
        assert page.count('role="img"') == page.count("<svg") - page.count('aria-hidden="true"') == 3
        assert "Scatter of 80 judged listings." in page

    def test_the_same_report_makes_the_same_bytes(self):
        assert page_of() == page_of()

    def test_it_stays_small(self):
        assert len(page_of(estimates=reporting.judged(50_000)).encode()) < 400_000

    def test_its_template_is_a_file_that_can_be_watched(self):
        assert template_path().is_file()


@pytest.mark.parametrize(
    ("write", "value", "expected"),
    [
        (pages.write_count, 12_340.4, "12,340"),
        (pages.write_count, -5, "−5"),
        (pages.write_share, 0.0713, "7.1%"),
        (pages.write_signed, -0.2, "−20%"),
        (pages.write_signed, 0.05, "+5%"),
        (pages.write_signed, -0.001, "0%"),
        (pages.write_short, 500, "500"),
        (pages.write_short, 20_000, "20k"),
        (pages.write_short, 1_500_000, "1.5M"),
        (pages.write_label, "mileage_km", "mileage (km)"),
        (pages.write_label, "first_owner", "first owner"),
        (pages.write_label, "original_recipe", "the original system's recipe"),
        (pages.keep_dates, "<b> 2024-01-05", '&lt;b&gt; <span class="nb">2024-01-05</span>'),
    ],
)
def test_values_are_written_for_a_person(write, value, expected):
    assert write(value) == expected


def test_findings_are_told_escaped_and_so_is_that_there_are_none():
    page = page_of()
    assert "lost category: make" in page
    assert "No car of &lt;Lada&gt;" in page
    quiet = {"findings": [], "compared": {"night": "2024-02-10", "nights_before": 28, "why_not": None}}
    assert "Nothing that is more than noise" in text_of(monitored=quiet)
    silent = {"findings": [], "compared": {"night": None, "nights_before": 0, "why_not": "no delivery is dated"}}
    told = text_of(monitored=silent)
    assert "Nothing that is more" not in told, "nothing was compared, so that nothing is told of what was found"
    assert "held against none before it: no delivery is dated." in told
