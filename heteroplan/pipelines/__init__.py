"""The steps of each command, in order; the command line and Python call the same functions.

A module a command: `plan`, `check`, `compare`, `explain`, `replay` (with `curation`, `stress` and
`study`), `export`, `nightly`, `demand`, `fit`, `profiles`, `schema`, `fleet`, `init`. Paths and
options come in; a result goes out, which the command line renders and which Python users read as
pandas frames or write to files. `shared` is what several need, `new_scenario` what `init` writes.
Read `shared.arguments`, `shared.solving`, then `plan`.

Only light modules are imported at the top of each; stages bring their own (start-up time).
"""
