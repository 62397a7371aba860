"""The command line: parses options, calls one pipeline, shows its result.

Words of a shell come in; text on the terminal, files and an exit code go out. `main` handles every
error, `app` lists the commands. A module a few commands (`planning`, `checking`, `measuring`,
`fitting`, `exporting`, `nightly`, `explaining`, `listing`) has the arguments of each as a
dataclass, which `arguments` makes Typer's parameters; `options` reads what users write. `streams`
keeps data and talk apart, `interrupts` is Ctrl-C, `summary` what `validate` shows.
"""

from heteroplan.cli.main import main

__all__ = ["main"]
