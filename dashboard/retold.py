"""Sentences that the pipeline wrote in English, as patterns by which they are told in another language.

Results keep one wording, so that equal content means equal bytes; a reader of another language gets it retold. What a run or a
command printed, and what an advert says, stays as it is.
"""

from __future__ import annotations

import re
from functools import cache


def mark(text: str) -> str:
    """Return a text that is translated where it is shown."""
    return text


# `{name}` stands for whatever the pipeline put there, which may be a sentence of this list itself. The first that fits is meant.
_DOMAIN = (
    mark("{column} is missing"),
    mark("year {year} is after {newest}, the newest seen"),
    mark("year {year} is before {oldest}, the oldest seen"),
    mark("year {year} is before {oldest}, older than nearly all {cars} seen"),
    mark("year {year} is after {newest}, the newest of the {cars} seen"),
    mark("make '{name}' is not among the {n} makes learnt from (nearest: '{near}')"),
    mark("make '{name}' is not among the {n} makes learnt from"),
    mark("make '{name}' is not the one make learnt from (nearest: '{near}')"),
    mark("make '{name}' is not the one make learnt from"),
    mark("model '{name}' is not among the {n} models of {make} learnt from (nearest: '{near}')"),
    mark("model '{name}' is not among the {n} models of {make} learnt from"),
    mark("model '{name}' is not the one model of {make} learnt from (nearest: '{near}')"),
    mark("model '{name}' is not the one model of {make} learnt from"),
    mark("a car of {year} with {mileage} km contradicts itself"),
    mark("mileage {mileage} km is hardly believable for a car of {year} and was left out"),
    mark("only {n} listing of {car} to learn from"),
    mark("only {n} listings of {car} to learn from"),
    mark("{what} {value} is impossible"),
    mark("{what} {value} is below the {bound} seen of {cars}"),
    mark("{what} {value} is beyond the {bound} seen of {cars}"),
    mark("{what} {value} is beyond the {bound} that nearly all {cars} stay within"),
    mark("none of the {n} {cars} seen has {column} '{value}'"),
    mark("there is no champion, so nothing may price"),
    mark("cars of any model"),
    mark("mileage"),
    mark("engine"),
    mark("power"),
    mark("fiscal power"),
    mark("cylinders"),
)
_ROWS = (
    mark("row is empty"),
    mark("{column} missing: '{value}'"),
    mark("{column} unreadable: '{value}'"),
    mark("{column} below {limit}: '{value}'"),
    mark("{column} above {limit}: '{value}'"),
    mark("{column} missing"),
    mark("{column} unreadable"),
    mark("{column} below {limit}"),
    mark("{column} above {limit}"),
    mark("{column} '{value}' is not known: left out"),
    mark("{column} '{value}' means not told in this market: left out"),
    mark("{columns} not told: averaged over the nearest adverts"),
    mark("row has {n} cells and the header {width}"),
)
_FRESHNESS = (
    mark("stale: {why}"),
    mark("the newest delivery with rows is of {day}, {age} days before {night}; {allowed} are allowed"),
    mark("the model that prices rests on data as of {day}, {age} days before {night}; {allowed} are allowed"),
    mark("The newest delivery with rows is of {day}, {age} days before {night}; {allowed} are allowed."),
    mark("The model that prices rests on data as of {day}, {age} days before {night}; {allowed} are allowed."),
    mark("The market has no champion."),
)
_RULES = (
    mark("not barred"),
    mark("enough data"),
    mark("data not stale"),
    mark("loads and prices as judged"),
    mark("floors"),
    mark("better or fresher"),
    mark("coverage"),
    mark("segments"),
    mark("Version {version} is not barred."),
    mark("Version {version} is barred: {why}. {command} lifts that."),
    mark("Version {version} is the champion already."),
    mark(
        "{judged} listings judge, {wanted} are wanted; it learnt from {learnt}, the champion from {others} ({share} of them are wanted)."
    ),
    mark("{judged} listings judge, {wanted} are wanted; it learnt from {learnt}."),
    mark("The deliveries are synthetic: their age is no ground."),
    mark("The deliveries are undated: their age is no ground."),
    mark("The newest delivery is of {day}, {age} days old; {allowed} are allowed."),
    mark("A fresh process loads the model and prices a fixed set of cars as when it was judged."),
    mark("A fresh process did not load the model and price {n} cars within {seconds} seconds."),
    mark("A fresh process could not load the model and price {n} cars. It said: {said}"),
    mark("Mean error {mae}, that of the best baseline ({name}) {other}; {share} of it are allowed."),
    mark("Mean error {mae}, that of the best baseline ({name}) {other}."),
    mark("original recipe"),
    mark("median make model year"),
    mark("{told}: better beyond noise."),
    mark("{told}: it may be worse by more than {allowed}."),
    mark("{told}: no worse within {allowed}, and {how}."),
    mark("{told}: not better beyond noise, and {how}."),
    mark("Mean error {mae} against {other}: {difference} less (between {low} and {high} with 90% confidence)"),
    mark("Mean error {mae} against {other}: {difference} more (between {low} and {high} with 90% confidence)"),
    mark("fresher (data of {day} against {other})"),
    mark("no fresher (data of {day} against {other})"),
    mark("learnt from more listings ({n} against {other})"),
    mark("learnt from no more listings ({n} against {other})"),
    mark("{level} intervals hold {coverage} of the prices; {low} to {high} are wanted, give or take chance."),
    mark("None of {n} makes, ages and price bands with {cars} cars is worse by more than {share} beyond noise."),
    mark("Worse beyond noise for {segments}."),
)
_FINDINGS = (
    mark("the deliveries bear no dates, so no night can be compared with another"),
    mark("{n} of the newest nights have rows; {needed} are needed to compare one with the others"),
    mark("there was no champion before tonight's verdict"),
    mark("Monday"),
    mark("Tuesday"),
    mark("Wednesday"),
    mark("Thursday"),
    mark("Friday"),
    mark("Saturday"),
    mark("Sunday"),
    mark("{deliveries} gave no cars. {name}: {why}."),
    mark("The newest night has {cars} cars in {rows} rows; usual are {usual} cars, and {low} to {high} would be noise."),
    mark(
        "The newest night has {cars} cars in {rows} rows; usual on a {weekday} are {usual} cars, and {low} to {high} would be noise."
    ),
    mark("{share} (before: {before}) of the rows are rejected for: {reason}."),
    mark("{share} (before: {before}) of the rows are rejected or unreadable."),
    mark("The newest delivery has none of the headers of {column}; earlier ones had."),
    mark("The newest delivery has the header {header}, which no earlier one had."),
    mark("{share} (before: {before}) of the cars have no {column}."),
    mark("Values stand in the wrong column more often than before: {moved} of the rows."),
    mark("{what} in {share} (before: {before}) of the rows."),
    mark("The values of {column} moved: {told}; the median is {now}, before {before}."),
    mark("The values of {column} moved: {told}."),
    mark("The champion's estimates moved: {told}; the median is {now}, before {before}."),
    mark("the population stability index against the nights before is {psi}, and {floor} would be noise"),
    mark("None of the newest night's cars has the {column} {words}."),
    mark("No earlier night had a car of the {column} {words}."),
    mark("Version {version} is off by {share} (median; mean {mae}) on the {n} new adverts; it was judged at {judged}."),
    mark("Intervals of version {version} hold {share} of the {n} new prices; they were judged at {judged}."),
    mark("Nothing of this market is priced."),
    mark("See why the newest model was refused: `python -m pipeline status` and the report say it."),
    mark("Estimates follow the market as it was then; what the market did since is not in them."),
    mark(
        "See in the report why newer models were not made or were refused; until one is promoted, do not trade on these prices unexamined."
    ),
    mark("The list of cars for sale is as old: sold cars are still in it, new ones and new prices are not."),
    mark(
        "Find out why the source delivers no rows, and put the missing deliveries where they belong. [delivery] stale_after_days in the market's TOML is the limit."
    ),
    mark("The cars for sale and their prices are those of the last delivery that gave any."),
    mark(
        "Look whether the source was down or its collector broke; fetch the night again, or mend what the market's TOML says of the file."
    ),
    mark(
        "Where cars are missing they are not sold but unseen: the list of cars for sale is not whole, and every share is taken of another mixture."
    ),
    mark("Look whether the night was collected whole, and fetch it again where it was not."),
    mark("Those adverts have no price and teach the model nothing."),
    mark(
        "Look at the rejected rows (rejected.parquet of the delivery): mend the source, or the column or rule in the market's TOML."
    ),
    mark("No new advert has this value: estimates of new cars do without it and are wider or worse."),
    mark("If the source renamed the column, add its new header to `headers` of [columns.{name}] in the market's TOML."),
    mark("The column is not read. Prices change only where it holds what another column held before."),
    mark("If it is a new name of a column, add it to that column's `headers` in the market's TOML; if not, to [rows] unused."),
    mark("Estimates of these cars do without this value and are wider or worse."),
    mark("Look at the column {name} in the newest file: either the source no longer fills it, or it writes other words."),
    mark(
        "What stands in another column was sent home where only one could mean it; what two columns could mean is lost or misread."
    ),
    mark("Compare the newest file's header with its cells: the collector moves cells. Mend it at the source."),
    mark("Estimates of these cars do without this value."),
    mark(
        "Look at the unreadable cells (the account's examples show one): add the new words or the format to the column in the market's TOML."
    ),
    mark("Those cars are no longer in the list of cars for sale, though hardly all of them were sold."),
    mark("Look whether the source or its collector leaves them out, or spells {name} in another way."),
    mark("The model has not learnt these words: such cars are refused, or priced by less than is known of them."),
    mark(
        "If it is another spelling, add it to `values` of [columns.{name}] in the market's TOML; if it is new on the market, models learn it by and by."
    ),
    mark(
        "The cars for sale are a mixture that the model has not learnt from, or the values of {name} mean something else than before."
    ),
    mark(
        "Compare {name} of the newest delivery with the nights before: another unit or format is the source's fault; another market is for the next model to learn."
    ),
    mark(
        "The champion now sees a dearer or cheaper mixture of cars than on the nights before: either the market moved, or the columns it prices by."
    ),
    mark("Look at the other findings first; where there are none, sample some cars and see whether their estimates make sense."),
    mark("Estimates of new adverts are worse than the champion's figures say: deals among them may be errors."),
    mark("Look at the new adverts with the largest errors; if they are right, train a model on newer data or roll back."),
    mark("Intervals of new adverts are too narrow: ratings claim more than is known."),
    mark("Look at the new adverts outside their intervals; if they are right, train a model on newer data or roll back."),
    mark("The night of {night} ended with exit code {code}: {message}"),
    mark("No new prices were made: those of the night of {night} stay."),
    mark("No new prices were made: there are none yet."),
    mark("Mend what the message says, then run {command}. The log is {log}."),
    mark("The last good night is {night}, which lies after tonight's {tonight}."),
    mark("Nothing that is current moves back: prices stay those of the later night."),
    mark("Set this machine's clock right. If the later night was the mistake, prices move on when it has passed."),
)
_CAUSES = (
    mark("first run"),
    mark("input changed"),
    mark("parameter changed"),
    mark("code changed"),
    mark("library changed"),
    mark("forced"),
    mark("upstream"),
    mark("{place} is gone; run the pipeline again to rebuild it."),
)
_DIFFERENCES = (
    mark("the same in all that is told"),
    mark("{n} year newer"),
    mark("{n} years newer"),
    mark("{n} year older"),
    mark("{n} years older"),
    mark("{n} km more"),
    mark("{n} km less"),
    mark("{n} l engine"),
    mark("{n} cylinders"),
    mark("{n} doors"),
    mark("{n} seats"),
    mark("{word} condition"),
    mark("{word} drive"),
    mark("first owner"),
    mark("not the first owner"),
    mark("four-wheel drive"),
    mark("no four-wheel drive"),
    mark("{column} not told"),
)
_CAR_FILES = (
    mark("{name} holds NUL bytes: it is no text file, or UTF-16. Save it as CSV in UTF-8."),
    mark("{name} is empty: it needs a header and a row for each car."),
    mark("{name}: the header names {columns} more than once. Rename or remove one."),
    mark("The bytes of {name} are not {encodings}. Save it as CSV in UTF-8."),
    mark("{name} holds more than {size} MB of text: split it into smaller files."),
    mark("{name} holds more than {n} rows: split it into smaller files."),
    mark("{name}: the gzip is damaged or cut short ({said}). Fetch or pack it again."),
    mark("{name}: record {n} cannot be read ({said}). Is a quote never closed?"),
    mark("{name}: a quote opened in record {n} is never closed."),
    mark("{name} has a line of more than {n} characters: it is no table."),
    mark("{name} holds a header and no rows: there is nothing to price."),
    mark("{name} lacks {told}. Its header reads {said}."),
)
RETOLD: tuple[str, ...] = (*_CAR_FILES, *_FRESHNESS, *_RULES, *_FINDINGS, *_CAUSES, *_DIFFERENCES, *_DOMAIN, *_ROWS)


# Sentences are joined by "; ", so that the words in one reach no further than it does.
_SENTENCES = {"why", "told", "said", "message"}
_SENTENCE, _WORDS = ".", "(?:(?!; ).)"


@cache
def find_pattern(template: str) -> re.Pattern[str]:
    """Return what matches the sentences of a template; a name that comes twice stands for the same words."""
    seen: set[str] = set()
    pattern = ""
    for place, part in enumerate(re.split(r"\{(\w+)\}", template)):
        if place % 2 == 0:
            pattern += re.escape(part)
        else:
            pattern += f"(?P={part})" if part in seen else f"(?P<{part}>{_SENTENCE if part in _SENTENCES else _WORDS}+?)"
            seen.add(part)
    return re.compile(pattern, re.DOTALL)
