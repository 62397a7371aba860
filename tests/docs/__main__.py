"""Renew all pages, or those that are named: `python -m tests.docs [PAGE...]`.

A page that differs in seconds alone stays as it is.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.docs.pages import PAGES, with_generated, with_outputs, without_seconds
from tests.docs.sessions import with_sessions

with TemporaryDirectory() as made:
    for page in [Path(name).resolve() for name in sys.argv[1:]] or PAGES:
        text = page.read_text(encoding="utf-8")
        renewed = with_sessions(with_outputs(with_generated(text), Path(made)))
        if without_seconds(renewed) != without_seconds(text):
            page.write_text(renewed, encoding="utf-8")
            print(f"{page.name} is renewed")
