"""A draft of any table whatever is TOML that the pipeline takes, or a refusal in our words."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.drafting.draft import draft_market
from pipeline.drafting.preview import preview_market
from pipeline.drafting.sources import Source
from pipeline.market_files import load_market
from pipeline.services.tables import RawTable

headers = st.sampled_from(
    ["Prix", "make", "Modell", "Yıl", "km", "fuel type", "المدينة", "Ссылка", "price (2)", "kW", "date", "?"]
) | st.text(max_size=8)
cells = (
    st.text(max_size=12)
    | st.sampled_from(
        [
            "",
            "--",
            "£8,000",
            "15.000 DH",
            "1,2",
            "1.5 Lakh",
            "VW",
            "Land Rover X",
            "diesel",
            "oui",
            "31/12/2024",
            "0",
            "٣٤",
            "1598 cm3",
        ]
    )
    | st.integers(-5, 10**12).map(str)
)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_draft_of_any_table_is_a_market(data):
    names = data.draw(st.lists(headers, min_size=1, max_size=7, unique_by=lambda name: " ".join(name.split()).casefold()))
    rows = data.draw(st.lists(st.lists(cells, min_size=len(names), max_size=len(names)), max_size=12))
    frame = pd.DataFrame(rows, columns=names, dtype="str")
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="row")
    source = Source(Path("cars.csv"), "utf-8", ",", RawTable(frame, [], "utf-8", ","))
    draft = draft_market("m", [source])
    with TemporaryDirectory() as folder:
        (Path(folder) / "m.toml").write_text(draft.text, encoding="utf-8")
        market = load_market("m", (Path(folder),))
    preview = preview_market(market, [source])
    assert preview.rows == len(frame)
    assert preview.accepted <= preview.rows
