"""The dashboard's frame: sign-in, the choices that hold on every page, and the pages."""

from __future__ import annotations

import streamlit as st
from altair.utils import schemapi

from dashboard import page

if not page.IS_CHECKED:
    schemapi.disable_debug_mode()
told = page.words()
st.set_page_config(page_title=told.say("Car prices"), page_icon="🚗", layout="wide")
page.require_sign_in()
page.choose()
told = page.words()
pages = {
    told.say("Prices"): [
        st.Page("views/deals.py", title=told.say("Deals"), default=True),
        st.Page("views/price.py", title=told.say("Price a car")),
        st.Page("views/batch.py", title=told.say("Batch")),
        st.Page("views/market.py", title=told.say("The market")),
    ],
    told.say("Trust"): [
        st.Page("views/model.py", title=told.say("Model")),
        st.Page("views/quality.py", title=told.say("Data quality")),
    ],
    told.say("Runs"): [
        st.Page("views/tonight.py", title=told.say("Tonight")),
        st.Page("views/runs.py", title=told.say("Runs")),
        st.Page("views/lineage.py", title=told.say("Lineage")),
    ],
}
chosen = st.navigation(pages)
with page.telling_errors():
    chosen.run()
