"""The dashboard's server: what pages need is loaded while it starts, so that its first reader does not wait for it."""

import inspect

import streamlit.emojis  # noqa: F401
from streamlit.starlette import App

from dashboard import batch, page, valuing  # noqa: F401  # with them comes all that takes time: pandas, Altair, scikit-learn
from dashboard.charts import prices  # noqa: F401

# Streamlit's first page compiles all emojis into a pattern, for the icon, and its first element looks at the stack, for which Python finds out
# where thousands of modules lie: 0.2 s each, once in a process.
inspect.stack()
app = App("frame.py")
