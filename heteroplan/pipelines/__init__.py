"""The steps of each command, in order; the command line and Python call the same functions.

A module a command: `plan`, `check`, `replay`, `demand`, `fit`, `export`, `nightly`, `explain`,
`profiles`, `schema`.
Paths and options come in; a result goes out, which the command line renders and which Python users
read as pandas frames or write to files. `solving` is what `plan` and `check` share, `arguments`
how callers give options, `limits` between which values. Read `arguments`, `solving`, then `plan`.

Only light modules are imported at the top of each; stages bring their own (start-up time).
"""
