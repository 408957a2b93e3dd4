"""Gradio's import: nothing is written into the environment, nothing is reported."""

import subprocess
import sys

WATCHED = """
import ast, inspect, sys
before = inspect.getfile
parsed = []
parse = ast.parse
ast.parse = lambda *given, **how: parsed.append(given) or parse(*given, **how)
from app.gradio_import import import_gradio
gradio = import_gradio()
import os
print(len([code for code, *_ in parsed if "(Component)" in str(code)]))
print(inspect.getfile is before, os.environ["GRADIO_ANALYTICS_ENABLED"])
print(inspect.getfile(gradio.Textbox).endswith("textbox.py"))
"""


def test_gradio_is_imported_without_parsing_itself_and_without_telemetry() -> None:
    done = subprocess.run([sys.executable, "-c", WATCHED], capture_output=True, text=True)
    assert done.stdout == "0\nTrue False\nTrue\n", done.stderr
