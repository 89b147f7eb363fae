"""The dashboard's server: what pages need is loaded while it starts, so that its first reader does not wait for it."""

from streamlit.starlette import App

from dashboard import batch, page, valuing  # noqa: F401  # with them comes all that takes time: pandas, Altair, scikit-learn
from dashboard.charts import prices  # noqa: F401

app = App("frame.py")
