"""What `init` writes and says: the texts of a new scenario's files, and what to do next.

`drafts` is what a new scenario holds, `scenario_text` and `fleet_text` write it as YAML in which
examples are marked, `text` is what people read on the terminal.
"""
