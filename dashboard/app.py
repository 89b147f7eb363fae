"""The dashboard's server: what pages need is loaded while it starts, so that its first reader does not wait for it."""

import gc
import inspect

import pyarrow.dataset  # noqa: F401  # reading parquet loads it
import streamlit.emojis  # noqa: F401
from streamlit.starlette import App

from dashboard import batch, page, valuing  # noqa: F401  # with them comes all that takes time: pandas, Altair, scikit-learn
from dashboard.charts import counts, deals, prices  # noqa: F401
from dashboard.words import Words

# What would be done once in a process, for the first page: Streamlit compiles all emojis into a pattern, for the icon, and looks at the stack
# for its first element, for which Python finds out where thousands of modules lie; Altair's first picture takes ten times as long as its next.
inspect.stack()
prices.draw_interval(1, 2, 3, Words("en")).to_dict(validate=page.IS_CHECKED)
page.prepare()
# Streamlit collects garbage after each run of its script, before the reader is told that it ended. What is loaded by now is none and need not
# be looked through each time: a tenth of a second.
gc.collect()
gc.freeze()
app = App("frame.py")
