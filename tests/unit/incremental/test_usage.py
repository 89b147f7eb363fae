"""Whose errors are slips on Luigi's command line, and whose are not."""

import subprocess
import sys


def test_a_program_that_imports_the_pipeline_keeps_its_tracebacks(tmp_path):
    program = tmp_path / "theirs.py"
    program.write_text("import pipeline\nint('seven')\n")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("ValueError: invalid literal for int() with base 10: 'seven'\n")
