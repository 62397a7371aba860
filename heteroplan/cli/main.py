"""The one handler of every error, and the exit codes."""

import sys
import traceback
from typing import Any, NoReturn

import typer

from heteroplan.cli.app import app
from heteroplan.cli.options import begin
from heteroplan.cli.streams import say, stand_in
from heteroplan.errors import ExitCode, HeteroplanError
from heteroplan.text import visible

_TyperError: Any = typer.BadParameter.__mro__[2]
"""Base of Typer's own messages, which it gives no public name."""


def main() -> NoReturn:
    """Run the command that the arguments name, and end the process with its exit code.

    A mistake of the user is one message, ours a traceback.
    """
    begin()
    stand_in()
    try:
        sys.exit(app(prog_name="heteroplan", standalone_mode=False))
    except HeteroplanError as error:
        from heteroplan.outputs.shared.terminal import make_console, print_error

        print_error(error, make_console(stderr=True))
        sys.exit(error.exit_code)
    except _TyperError as error:
        sys.exit(_usage(error))
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(ExitCode.INTERRUPTED)
    except Exception:
        say(traceback.format_exc().splitlines())
        say(["This is a bug in heteroplan; please report it with the lines above."])
        sys.exit(ExitCode.BUG)


def _usage(error: typer.BadParameter) -> int:
    """Show what Typer found wrong; its exit code."""
    if type(error).__name__ != "NoArgsIsHelpError":
        # There the message is the help, and has lines.
        error.message = visible(error.message)
    error.show(sys.stderr)
    return error.exit_code
