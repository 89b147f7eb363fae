"""What holds for every name that a file may have."""

import os
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.services.deliveries import name_of, path_of

parts = st.binary(min_size=1, max_size=12) | st.text("\\xe9ab", min_size=1, max_size=8).map(os.fsencode)
names = parts.map(lambda name: os.fsdecode(name.replace(b"\0", b"0").replace(b"/", b"\\"))).filter(
    lambda name: name not in (".", "..")
)
paths = st.lists(names, min_size=1, max_size=3).map(lambda names: Path(*names))


@given(paths)
@example(Path("lit\\xe9.csv"))
@example(Path(os.fsdecode(b"caf\xe9.csv")))
def test_every_file_has_a_name_of_its_own_that_any_screen_can_show(path):
    name = name_of(path)
    assert path_of(Path("raw"), name) == Path("raw") / path
    assert name.encode()
