"""Renew all pages, or those that are named: `python -m tests.docs [PAGE...]`."""

import sys
from pathlib import Path

from tests.docs.pages import PAGES, with_generated, with_outputs

for page in [Path(name).resolve() for name in sys.argv[1:]] or PAGES:
    text = page.read_text(encoding="utf-8")
    page.write_text(with_outputs(with_generated(text)), encoding="utf-8")
