"""What a run says at its end: accounts and metrics in a few lines for a person, whether they are new or reused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.listing import NOT_RATED, RATINGS
from pipeline.stages.check import most_rejected

OF_A_PAST_NIGHT = "later nights are done: this is what would have been decided, and nothing moves"

_SHOWN = 12  # reasons, and names in a list
_ERRORS = {"mae": "mean error", "median_ape": "median error"}


def tell_intake(account: Mapping[str, Any], places: Mapping[str, str] | None = None) -> list[str]:
    """Tell what became of the rows of all deliveries; `places` says where each one's rejected rows lie.

    `account` is Check's, possibly one that was written before accounts held examples.
    """
    lines = [
        f"{account['rows']:,} rows in {_count(len(account['deliveries']), 'delivery', 'deliveries')}: {account['accepted']:,} accepted, "
        f"{account['rejected']:,} rejected, {account['unreadable']:,} unreadable"
    ]
    titles = {"reasons": "rejected", "dropped_values": "values lost", "rehomed": "values sent home"}
    lines.extend(
        f"{title}: {_name_counts(account[key], account.get('examples', {}))}" for key, title in titles.items() if account[key]
    )
    lines.extend(f"it may help to {remedy}" for remedy in account.get("remedies", ()))
    most = most_rejected(account["deliveries"]) if places else None
    if most and places:
        lines.append(f"rejected rows are kept whole, with every reason: most are those of {most}, in {places[most]}")
    unread = {name: found for name, one in sorted(account["deliveries"].items()) if (found := one.get("sheets_unread"))}
    if unread:
        name, sheets = next(reversed(unread.items()))
        others = f"; nor some of {_count(len(unread) - 1, 'other delivery', 'other deliveries')}" if len(unread) > 1 else ""
        lines.append(f"sheets without the market's headers were not read: of {name} {name_sheets(sheets)}{others}")
    lines.extend(f"set aside {name}: {reason}" for name, reason in account["set_aside"].items())
    if history := account.get("history"):
        older = _count(history["older"], "delivery", "deliveries")
        lines.append(f"the history begins with {history['begins']}: {older} from before it left out ([Check] history_days)")
    return lines


def tell_repeats(repeats: Mapping[str, str]) -> list[str]:
    """Tell of deliveries that hold the bytes of another, each by the other's name.

    >>> tell_repeats({"a.csv": "2024-01-02.csv", "b.csv": "2024-01-02.csv"})
    ['b.csv holds the same bytes as 2024-01-02.csv and counts for nothing; 1 other repeats one, too']
    """
    if not repeats:
        return []
    name, first = list(repeats.items())[-1]
    n = len(repeats) - 1
    others = f"; {n:,} {'other repeats' if n == 1 else 'others repeat'} one, too" if n else ""
    return [f"{name} holds the same bytes as {first} and counts for nothing{others}"]


def name_sheets(sheets: Mapping[str, int]) -> str:
    """Name the sheets of a spreadsheet with how many rows each has.

    >>> name_sheets({"Notes": 2, "2019": 1_200})
    "'Notes' (2 rows) and '2019' (1,200 rows)"
    """
    named = [f"{name!r} ({_count(rows, 'row', 'rows')})" for name, rows in sheets.items()]
    if len(named) > _SHOWN:
        named[_SHOWN:] = [f"{len(named) - _SHOWN} more"]
    return " and ".join(named)


def tell_listings(account: Mapping[str, int]) -> list[str]:
    """Tell how many cars the rows are (Clean's account)."""
    lines = [
        f"{_count(account['listings'], 'listing', 'listings')}, {account['listings_with_a_price_change']:,} of them with another price than "
        f"before ({account['price_changes']:,} changes)"
    ]
    if account["contested_identities"]:
        lines.append(
            f"{_count(account['contested_identities'], 'identity was', 'identities were')} carried by several cars: "
            f"{account['rows_left_out']:,} rows left out"
        )
    return lines


def tell_metrics(metrics: Mapping[str, Any]) -> list[str]:
    """Tell how good the model is beside the baselines (Evaluate's metrics)."""
    money = metrics["currency"]
    label = " (synthetic)" if metrics["synthetic"] else ""
    return [
        f"judged on {metrics['n_test']:,}{label} adverts split {metrics['split']}: mean error {metrics['mae']:,.0f} {money}, "
        f"median {metrics['median_ape']:.1%}; intervals hold {metrics['interval_coverage']:.1%}",
        *(
            [f"learnt from a sample of {metrics['n_train']:,} of {metrics['n_train_of']:,} adverts ([Train] max_listings)"]
            if "n_train_of" in metrics
            else []
        ),
        *(
            f"baseline {name}: mean error {errors['mae']:,.0f} {money}, median {errors['median_ape']:.1%}"
            for name, errors in metrics["baselines"].items()
        ),
        *(
            f"beware: the model is worse than baseline {name} by its {' and '.join(worse)}"
            for name, errors in metrics["baselines"].items()
            if (worse := [words for key, words in _ERRORS.items() if metrics[key] > errors[key]])
        ),
        *([f"left out of the model: {_name_refused(metrics['features_refused'])}"] if metrics.get("features_refused") else []),
    ]


def tell_search(best: Mapping[str, Any]) -> list[str]:
    """Tell what a search for hyperparameters found (Tune's best)."""
    if not best["gain_share"]:
        return [f"{best['trials']} candidates: none better than the recipe as it is by more than luck"]
    factors = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in best["factors"].items())
    return [
        f"{best['trials']} candidates: out of fold, the best errs {best['gain_share']:.1%} less than the recipe as it is ({factors})"
    ]


def tell_verdict(verdict: Mapping[str, Any]) -> list[str]:
    """Tell what was decided of a challenger, and why: of a refusal the rules that it fails, else all of them (Promote's verdict)."""
    version, met = verdict["challenger"]["version"], verdict["champion"]
    against = f" against champion {met['version']}" if met and met["version"] != version else ""
    is_refused = verdict["outcome"] == "refused"
    told = [reason for reason in verdict["reasons"] if not (is_refused and reason["passed"])]
    return [
        f"version {version}{against}, as of {verdict['night']}: {verdict['outcome']}",
        *(f"{reason['rule']}: {reason['text']}" for reason in told),
    ]


def tell_scores(account: Mapping[str, Any]) -> list[str]:
    """Tell how the live listings are rated, the cheapest first (Score's account)."""
    ratings = ", ".join(f"{count:,} {name}" for name in (*RATINGS, NOT_RATED) if (count := account["ratings"][name]))
    changes = (
        f"; {_count(account['rating_changes'], 'rating', 'ratings')} changed since {account['since']}" if account["since"] else ""
    )
    seat = account["champion"]
    by = (
        f", by version {seat['version']}, data as of {seat['data_as_of'] or 'undated deliveries'}"
        if seat
        else ", no champion to price them"
    )
    stale = [f"STALE: {account['stale']}"] if account["stale"] else []
    return [*stale, f"{_count(account['live'], 'live listing', 'live listings')}{by}: {ratings}{changes}"]


def tell_monitor(document: Mapping[str, Any]) -> list[str]:
    """Tell how old things are and what was found, each with what it means for prices (Monitor's document)."""
    freshness, compared, found = document["freshness"], document["compared"], document["findings"]
    ages = {
        "newest delivery": freshness["delivery_age_days"],
        "newest training": freshness["trained_age_days"],
        "prices": freshness["prices_age_days"],
    }
    told = ", ".join(f"{name} {_count(age, 'day', 'days')} old" for name, age in ages.items() if age is not None)
    against = f"{compared['night']} compared with {_count(compared['nights_before'], 'night', 'nights')} before it"
    return [
        "; ".join(filter(None, (told, against if compared["why_not"] is None else f"nothing compared: {compared['why_not']}"))),
        *(f"{finding['kind']}: {finding['text']} {finding['means']}" for finding in found),
        *([] if found or compared["why_not"] else ["nothing found that is not noise"]),
    ]


def _name_refused(refused: Mapping[str, str]) -> str:
    named = ", ".join(f"{name} ({reason})" for name, reason in list(refused.items())[:_SHOWN])
    return named + (f", and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else "")


def _name_counts(counts: Mapping[str, int], examples: Mapping[str, str]) -> str:
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(
        f"{name}: {count:,}" + (f" ({examples[name]})" if name in examples else "") for name, count in most[:_SHOWN]
    )
    return named + (f", and {len(most) - _SHOWN} more" if len(most) > _SHOWN else "")


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
