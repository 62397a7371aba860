"""A size as people and scripts see it: what to buy or rent, where, when, why, and what it costs.

`document` is the JSON, `figures` makes it of a size; `sentences` are what `text` (the terminal)
and `page` say alike, `fleet_file` writes the fleet so that `heteroplan plan` takes it.
"""
