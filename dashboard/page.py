"""Page: what every view begins with: who reads, which market, in which language; and what is kept in memory between reruns."""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pandas as pd
import pyarrow as pa
import streamlit as st

from dashboard import reading
from dashboard.reading import MarketState
from dashboard.words import LANGUAGES, Words, guess_language, mark
from pipeline import paths, settings
from pipeline.champion import Seat
from pipeline.errors import UserError
from pipeline.incremental import ledger

# Frames and models that are kept, for all sessions together: results never change, so each is read once.
_FRAMES, _MODELS = 24, 4
_FOLLOW_S = 5
# Whether pictures are held against Vega-Lite's schema: tests do, here it would take a quarter of a redraw.
IS_CHECKED = False

if TYPE_CHECKING:
    from pipeline.serving import ServedModel

_FAILED = {
    ledger.FAILED: mark("The last run failed."),
    ledger.KILLED: mark("The last run was killed."),
    ledger.INTERRUPTED: mark("The last run was interrupted."),
}


def words() -> Words:
    """Return the reader's language and the market's customs."""
    chosen = st.session_state.get("language")  # a click that comes before the control is drawn leaves it empty
    return Words(chosen if chosen in LANGUAGES else "en", st.session_state.get("currency", ""))


def market() -> str:
    """Return the market that is looked at."""
    return str(st.session_state["market"])


def state() -> MarketState:
    """Return what is known of the market now: read afresh, so that what appears while the page is open shows."""
    return reading.read_market(market())


def choose() -> None:
    """Draw the sidebar's choices, language and market, and follow the market's results."""
    if st.session_state.get("language") not in LANGUAGES:
        asked = st.query_params.get("lang", "")
        st.session_state["language"] = asked if asked in LANGUAGES else guess_language(st.context.locale)
    told = words()
    markets = reading.list_markets()
    if st.session_state.get("market") not in markets:
        asked = st.query_params.get("market", settings.pipeline().market)
        st.session_state["market"] = asked if asked in markets else markets[0]
    with st.sidebar:
        st.selectbox(told.say("Market"), markets, key="market", format_func=_title)
        st.segmented_control(
            told.say("Language"), list(LANGUAGES), format_func=LANGUAGES.__getitem__, key="language", required=True
        )
    found = state()
    st.session_state["currency"] = found.currency
    with st.sidebar:
        _tell_data(found)
        _follow(_mark_of(found))


def begin(title: str, needs: str = "evaluate") -> MarketState:
    """Write a page's title and what must be known before anything on it is believed; stop where `needs`, a stage, has no result yet."""
    told, found = words(), state()
    st.title(told.say(title))
    for trouble in found.troubles:
        st.error(told.retell(trouble))
    if found.is_synthetic:
        st.info(told.say("These adverts are invented: every price on this page is a demonstration."))
    if found.stale:
        st.warning(told.say("These prices are stale: {why}.", why=told.retell(found.stale)))
    _tell_failure(found)
    if needs and found.is_empty:
        _stop_empty(found)
    if needs and found.place(needs) is None:
        st.info(
            told.say(
                "This market has no result of {stage} yet. Run this, then come back: the page shows it by itself.",
                stage=needs.capitalize(),
            )
        )
        st.code(command(found.market), language="sh")
        st.stop()
    return found


@contextmanager
def telling_errors() -> Iterator[None]:
    """Say on the page what went wrong while it was drawn, and what to do, in place of a traceback."""
    told = words()
    try:
        yield
    except UserError as error:
        st.error(plain(told.retell(str(error))))
    except (OSError, ValueError) as error:  # a result that is damaged, or that `gc` dropped in this moment
        logging.getLogger("dashboard").exception("a page cannot be drawn")
        st.error(
            told.say("A result cannot be read, so this page is not whole. Run the pipeline again: it rebuilds what is damaged.")
        )
        st.code(f"{type(error).__name__}: {error}", language=None, wrap_lines=True)


def body(draw: Callable[..., None]) -> Callable[..., None]:
    """Let a page's body, which `draw` draws, be drawn again alone when something in it is chosen.

    The sidebar, the title and what is said below it stay: they hold until there are other results, when all is drawn again. A body holds no
    part that draws itself again by the clock: older versions of Streamlit would go on with it after the body went without.
    """

    @st.fragment
    @wraps(draw)
    def drawn(*args: Any) -> None:
        with telling_errors():
            draw(*args)

    return drawn


def command(name: str) -> str:
    """Return what makes all that the pages show of a market, with luigid and without."""
    sample = "python -m pipeline sample && " if name == "sample" and not paths.deliveries(name).is_dir() else ""
    return f"{sample}python -m pipeline nightly --market {shlex.quote(name)}"


def stop(text: str, run: str = "") -> NoReturn:
    """Say why there is nothing to show, and what to run."""
    st.info(text)
    if run:
        st.code(run, language="sh")
    st.stop()
    raise AssertionError  # st.stop never returns


def origin(served: ServedModel) -> None:
    """Write by which version prices are, as of which data, and how fresh."""
    told = words()
    st.caption(
        told.say(
            "By version {version} · data as of {night} · {freshness} · {fingerprint}",
            version=served.version,
            night=told.date(served.as_of) if served.as_of else told.say("undated deliveries"),
            freshness=told.say("stale") if served.stale else told.say("fresh"),
            fingerprint=served.fingerprint[:16],
        )
    )


def rows(place: Path, name: str, columns: list[str] | None = None) -> pd.DataFrame:
    """Return a frame of a result, shared by all sessions: nobody may change it."""
    modified = (place / name).stat().st_mtime_ns
    return _read_rows(str(place), name, tuple(columns) if columns else None, modified)


def need_rows(place: Path | None, name: str, columns: list[str] | None = None) -> pd.DataFrame:
    """Return a frame of a result, or some of its columns; stop the page where it is gone or damaged."""
    try:
        found = rows(place, name, columns) if place else None
    except (OSError, ValueError, KeyError, pa.ArrowException):
        found = None
    if found is None:
        stop_damaged(place, name)
    return found


def need_document(place: Path | None, name: str, *keys: str) -> dict[str, Any]:
    """Return a document of a result that has these keys; stop the page where it is gone or damaged."""
    try:
        found = document(place, name) if place else None
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or not found.keys() >= set(keys):
        stop_damaged(place, name)
    return found


def stop_damaged(place: Path | None, name: str) -> NoReturn:
    """Say that a file of a result cannot be read, and what builds it again."""
    told = words()
    file = plain((place / name).as_posix() if place else name)
    stop(
        told.say("{file} is gone or damaged. Run this: it is built again.", file=file),
        command(market()),
    )


def document(place: Path, name: str) -> Any:
    """Return a document of a result."""
    return reading.read_document(place, name)


def served(seat: Seat) -> ServedModel:
    """Return a loaded model; raises ChampionUnusable. Whether it is stale is asked afresh."""
    found = state()
    loaded = _load(found.market, seat)
    return replace(loaded, stale=reading.tell_stale(found, seat))


def prepare() -> None:
    """Load the models and the listings of the markets, or of the first few, before anyone reads; what cannot be read, its page tells."""
    wrong = suppress(OSError, ValueError, KeyError, pa.ArrowException, UserError)
    names: list[str] = []
    with wrong:
        names = reading.list_markets()[:_MODELS]
    for name in names:
        with wrong:
            found = reading.read_market(name)
            if place := found.place("score"):
                rows(place, "scores.parquet")
            if found.champion:
                _load(name, found.champion.seat)


def is_operator() -> bool:
    """Say whether whoever reads may roll back: named in [dashboard] operators of luigi.cfg, `*` for anyone.

    An address of which the provider says that it was not verified is nobody's: whoever signs up may claim any.
    """
    named = {name.strip() for name in settings.dashboard().operators.split(",") if name.strip()}
    if "*" in named:
        return True
    is_claimed = str(st.user.get("email_verified", True)).casefold() == "false"
    return has_sign_in() and not is_claimed and str(st.user.get("email", "")) in named


def has_sign_in() -> bool:
    """Say whether an identity provider is configured in .streamlit/secrets.toml."""
    try:
        return "auth" in st.secrets
    except FileNotFoundError:
        return False


def require_sign_in() -> None:
    """Let nobody past who has not signed in, where an identity provider is configured."""
    if not has_sign_in():
        return
    told = words()
    if not st.user.is_logged_in:
        st.title(told.say("Car prices"))
        st.write(told.say("Sign in to see prices."))
        st.button(told.say("Sign in"), on_click=st.login, type="primary")
        st.stop()
    with st.sidebar:
        st.caption(str(st.user.get("email", "")))
        st.button(told.say("Sign out"), on_click=st.logout)


def plain(text: str) -> str:
    """Return a text of someone else's so that nothing in it is taken for Markdown."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))


def table(frame: pd.DataFrame, config: dict[str, Any] | None = None, **more: Any) -> Any:
    """Draw a table without its index, as wide as the page."""
    return st.dataframe(frame, hide_index=True, width="stretch", column_config=config, **more)


def draw(chart: Any) -> None:
    """Draw a picture (of Altair) as wide as its place."""
    st.vega_lite_chart(chart.to_dict(validate=IS_CHECKED), width="stretch")


def pick(options: dict[str, str], key: str) -> str:
    """Let a reader pick one part of a page, the first by default; only that part is drawn."""
    chosen = st.segmented_control(
        key,
        list(options),
        default=next(iter(options)),
        format_func=options.__getitem__,
        key=key,
        required=True,
        label_visibility="collapsed",
    )
    return chosen if chosen in options else next(iter(options))


def _title(name: str) -> str:
    return reading.read_title(name)


def _tell_data(found: MarketState) -> None:
    told = words()
    if found.is_empty:
        st.caption(told.say("No results yet."))
        return
    night = told.date(found.as_of) if found.as_of else told.say("undated deliveries")
    st.caption(told.say("Results as of {night}", night=night))


def _mark_of(found: MarketState) -> str:
    """Return what changes whenever anything that the pages show changes."""
    seat = found.champion.decision.get("id", "") if found.champion else ""
    failure = _find_failure(found)
    failed = failure["run"] if failure else ""
    return f"{found.market} {found.run} {sorted(found.stages.items())} {seat} {found.stale} {found.troubles} {failed}"


@st.fragment(run_every=_FOLLOW_S)
def _follow(drawn: str) -> None:
    """Draw the page again as soon as there are other results than those it was drawn from."""
    if st.session_state.get("market") and _mark_of(state()) != drawn:
        st.rerun()


def _find_failure(found: MarketState) -> dict[str, Any] | None:
    """Return the record of the market's last run where it did not end well."""
    last = next((record for record in reading.list_runs(20) if record["subject"] == found.market), None)
    return last if last and last["state"] in _FAILED else None


def _tell_failure(found: MarketState) -> None:
    told, failure = words(), _find_failure(found)
    if failure:
        ended = _FAILED[failure["state"]]
        messages = " ".join(map(told.retell, failure["messages"]))
        st.error(plain(" ".join((told.say(ended), messages, told.say("What is shown is that of the last good run.")))))


def _stop_empty(found: MarketState) -> NoReturn:
    told = words()
    stop(
        told.say(
            "Nothing was built for {market} yet. Put its deliveries into their folder and run this; the page shows the result by itself.",
            market=found.title,
        ),
        command(found.market),
    )


@st.cache_resource(max_entries=_FRAMES, show_spinner=False)
def _read_rows(place: str, name: str, columns: tuple[str, ...] | None, modified: int) -> pd.DataFrame:  # noqa: ARG001  # part of the key
    return reading.read_rows(Path(place), name, list(columns) if columns else None)


@st.cache_resource(max_entries=_MODELS, show_spinner=False)
def _load(name: str, seat: Seat) -> ServedModel:
    from pipeline.serving import load_seat  # pages that price nothing are drawn sooner without it

    return load_seat(name, seat)
