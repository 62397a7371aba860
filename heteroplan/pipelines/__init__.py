"""The steps of each command, in order; the command line and Python call the same functions.

A module a command: `plan`, `check`, `replay`, `demand`, `fit`, `export`, `nightly`, `explain`,
`profiles`, `schema`, `fleet`, `init`.
Paths and options come in; a result goes out, which the command line renders and which Python users
read as pandas frames or write to files. `solving` is what `plan` and `check` share, `arguments`
how callers give options, `limits` between which values. `init` asks for what `init_fleet`,
`init_models`, `init_demand` and `init_workloads` make of options, answers and examples
(`init_choices`), and `init_files` tries it out and writes it. Read `arguments`, `solving`, then
`plan`.

Only light modules are imported at the top of each; stages bring their own (start-up time).
"""
