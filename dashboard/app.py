"""The dashboard's frame: sign-in, the choices that hold on every page, and the pages."""

from __future__ import annotations

import streamlit as st

from dashboard import page

told = page.words()
st.set_page_config(page_title=told.say("Car prices"), page_icon="🚗", layout="wide")
page.require_sign_in()
page.choose()
told = page.words()
pages = {
    told.say("Prices"): [
        st.Page("views/price.py", title=told.say("Price a car"), icon="🏷️", default=True),
    ],
    told.say("Runs"): [
        st.Page("views/tonight.py", title=told.say("Tonight"), icon="🌙"),
        st.Page("views/runs.py", title=told.say("Runs"), icon="⏱️"),
        st.Page("views/lineage.py", title=told.say("Lineage"), icon="🧬"),
    ],
}
st.navigation(pages).run()
