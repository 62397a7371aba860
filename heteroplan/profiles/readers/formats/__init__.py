"""One module a measurement format: how it is recognised, and its runs as measurements."""
