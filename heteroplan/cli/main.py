"""The one handler of every error, and the exit codes."""

import sys
import traceback
from typing import NoReturn

from heteroplan.cli.app import app
from heteroplan.cli.options import begin
from heteroplan.cli.streams import writing_stdout
from heteroplan.errors import ExitCode, HeteroplanError


def main() -> NoReturn:
    """Run the command that the arguments name, and end the process with its exit code.

    A mistake of the user is one message, ours a traceback.
    """
    begin()
    try:
        with writing_stdout():
            app()
    except HeteroplanError as error:
        from heteroplan.outputs.terminal import make_console, print_error

        print_error(error, make_console(stderr=True))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except Exception:
        traceback.print_exc()
        print(
            "This is a bug in heteroplan; please report it with the lines above.", file=sys.stderr
        )
        sys.exit(ExitCode.BUG)
    sys.exit(ExitCode.OK)
