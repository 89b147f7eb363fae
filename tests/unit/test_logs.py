"""How a line of the log stands beside a progress bar."""

import io
import logging

import pytest

from pipeline.logs import RunHandler


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal(), "\r\x1b[Ka line\n"), (io.StringIO(), "a line\n")])
def test_a_line_takes_the_place_of_a_bar_on_a_terminal_alone(stream, shown):
    RunHandler(stream).handle(logging.makeLogRecord({"name": "pipeline", "msg": "a line"}))
    assert stream.getvalue() == shown
