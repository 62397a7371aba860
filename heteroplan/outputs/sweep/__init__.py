"""A study as people and scripts see it: its table, its document, and a summary for a terminal."""
