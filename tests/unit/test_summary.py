"""What a run says at its end."""

from pipeline.summary import tell_intake, tell_listings, tell_metrics, tell_monitor, tell_repeats, tell_scores

INTAKE = {
    "rows": 2021,
    "accepted": 2000,
    "rejected": 20,
    "unreadable": 1,
    "reasons": {"price missing": 20, "row of another width": 1},
    "dropped_values": {},
    "rehomed": {"gearbox → fuel": 7},
    "examples": {"price missing": "a.csv row 12: 'à négocier'"},
    "remedies": ["say [rows] decimal_mark = ','"],
    "set_aside": {"b.csv": "the file is empty"},
    "deliveries": {"a.csv": {"rejected": 20, "unreadable": 1}, "b.csv": {"rejected": 0, "unreadable": 0}},
}
ERRORS = {"mae": 1234.5, "median_ape": 0.0712}


def test_an_intake_is_told_in_a_few_lines():
    places = {"a.csv": "data/ingest/aa/rejected.parquet", "b.csv": "data/ingest/bb/rejected.parquet"}
    assert tell_intake(INTAKE, places) == [
        "2,021 rows in 2 deliveries: 2,000 accepted, 20 rejected, 1 unreadable",
        "rejected: price missing: 20 (a.csv row 12: 'à négocier'), row of another width: 1",
        "values sent home: gearbox → fuel: 7",
        "it may help to say [rows] decimal_mark = ','",
        "rejected rows are kept whole, with every reason: most are those of a.csv, in data/ingest/aa/rejected.parquet",
        "set aside b.csv: the file is empty",
    ]


def test_deliveries_from_before_the_history_are_told():
    told = tell_intake({**INTAKE, "history": {"begins": "2024-03-01", "older": 1}})[-1]
    assert told == "the history begins with 2024-03-01: 1 delivery from before it left out ([Check] history_days)"


def test_a_delivery_that_repeats_another_is_told():
    assert tell_repeats({}) == []
    assert tell_repeats({"a.csv": "b.csv"}) == ["a.csv holds the same bytes as b.csv and counts for nothing"]
    assert tell_repeats({"a.csv": "c.csv", "b.csv": "c.csv"})[0].endswith("; 1 other repeats one, too")


def test_an_account_that_was_written_without_examples_is_told_too():
    older = {key: value for key, value in INTAKE.items() if key not in ("examples", "remedies")}
    assert tell_intake(older)[1] == "rejected: price missing: 20, row of another width: 1"


def test_sheets_that_were_not_read_are_told_of_the_newest_delivery_that_has_any():
    def told(*deliveries):
        named = {name: {"rejected": 0, "unreadable": 0, "sheets_unread": sheets} for name, sheets in deliveries}
        return tell_intake({**INTAKE, "deliveries": named, "set_aside": {}})[-1]

    old, new = ("2024-01-01.xlsx", {"Notes": 1}), ("2024-01-02.xlsx", {"Notes": 1, "2019": 1200})
    assert told(new) == (
        "sheets without the market's headers were not read: of 2024-01-02.xlsx 'Notes' (1 row) and '2019' (1,200 rows)"
    )
    assert told(old, new, ("2024-01-03.xlsx", {})).endswith("'2019' (1,200 rows); nor some of 1 other delivery")
    many = told(("a.xlsx", {str(number): number for number in range(2, 16)}))
    assert many.endswith("'13' (13 rows) and 2 more")


def test_a_long_list_of_reasons_is_cut_after_the_most_frequent():
    reasons = {f"reason {number:02d}": number for number in range(1, 16)}
    line = tell_intake({**INTAKE, "reasons": reasons})[1]
    assert line.startswith("rejected: reason 15: 15, ")
    assert line.endswith("reason 04: 4, and 3 more")


def test_listings_are_told_with_their_price_changes():
    account = {
        "listings": 1,
        "price_changes": 2,
        "listings_with_a_price_change": 1,
        "contested_identities": 0,
        "rows_left_out": 0,
    }
    assert tell_listings(account) == ["1 listing, 1 of them with another price than before (2 changes)"]
    assert tell_listings({**account, "contested_identities": 1, "rows_left_out": 3})[1] == (
        "1 identity was carried by several cars: 3 rows left out"
    )


def test_a_model_that_is_worse_than_a_baseline_says_so_and_names_what_it_does_not_use():
    metrics = {
        "mae": 1000.0,
        "median_ape": 0.1,
        "currency": "EUR",
        "synthetic": False,
        "n_test": 100,
        "split": "by identity",
        "interval_coverage": 0.9,
        "baselines": {"median": {"mae": 900.0, "median_ape": 0.09}, "recipe": {"mae": 1000.0, "median_ape": 0.09}},
        "features_refused": {"make": "always Audi", "fuel": "always missing"},
    }
    assert tell_metrics(metrics)[3:] == [
        "beware: the model is worse than baseline median by its mean error and median error",
        "beware: the model is worse than baseline recipe by its median error",
        "left out of the model: make (always Audi), fuel (always missing)",
    ]


def test_metrics_are_told_in_the_markets_currency_and_labelled_where_synthetic():
    metrics = {
        **ERRORS,
        "currency": "EUR",
        "synthetic": True,
        "n_test": 100,
        "split": "by identity",
        "interval_coverage": 0.9,
        "baselines": {"median": ERRORS},
    }
    assert tell_metrics(metrics) == [
        "judged on 100 (synthetic) adverts split by identity: mean error 1,234 EUR, median 7.1%; intervals hold 90.0%",
        "baseline median: mean error 1,234 EUR, median 7.1%",
    ]


def test_scores_are_told_the_cheapest_first_without_ratings_that_no_listing_has():
    counts = {
        "fair price": 1_000,
        "good price": 0,
        "great price": 45,
        "high price": 69,
        "not enough like it": 120,
        "very high price": 0,
    }
    account = {"live": 1_234, "ratings": counts, "rating_changes": 12, "since": "2024-02-28", "stale": ""}
    account["champion"] = {"version": "7", "data_as_of": "2024-02-29"}
    told = "1,234 live listings, by version 7, data as of 2024-02-29: 45 great price, 1,000 fair price, 69 high price, 120 not enough like it"
    assert tell_scores(account) == [f"{told}; 12 ratings changed since 2024-02-28"]
    assert tell_scores({**account, "since": None}) == [told]
    assert "no champion to price them" in tell_scores({**account, "champion": None})[0]
    assert tell_scores({**account, "stale": "nobody delivers", "since": None}) == ["STALE: nobody delivers", told]


def test_a_monitored_night_is_told_with_ages_and_findings():
    document = {
        "freshness": {"delivery_age_days": 0, "trained_age_days": 1, "prices_age_days": None},
        "compared": {"night": "2024-02-28", "nights_before": 28, "why_not": None},
        "findings": [{"kind": "volume", "text": "The newest night has 787 cars.", "means": "The list is not whole."}],
    }
    assert tell_monitor(document) == [
        "newest delivery 0 days old, newest training 1 day old; 2024-02-28 compared with 28 nights before it",
        "volume: The newest night has 787 cars. The list is not whole.",
    ]
    undated = {
        "freshness": dict.fromkeys(document["freshness"]),
        "compared": {"why_not": "no dates"} | {"night": "", "nights_before": 0},
    }
    assert tell_monitor({**undated, "findings": []}) == ["nothing compared: no dates"]
