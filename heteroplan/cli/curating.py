"""`replay --curate` and `replay --calibrate`: parse, one pipeline call, one render."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from heteroplan.cli.interrupts import Interrupt
from heteroplan.cli.streams import STDOUT, delivering, emit, show
from heteroplan.errors import UsageError
from heteroplan.pipelines.shared.arguments import as_keywords

if TYPE_CHECKING:
    from heteroplan.cli.replaying import ReplayArguments


def curated(given: "ReplayArguments", outputs: Sequence[str]) -> None:
    """A curation or a calibration, to files and terminal. Raises UsageError."""
    if given.study is not None or given.stress:
        raise UsageError("--study and --stress exclude --curate and --calibrate; leave one out")
    if given.requests is not None:
        raise UsageError("--requests: there is no one list of requests; leave it out")
    if given.calibrate is None:
        _curate(given, outputs)
        return
    if given.curate or outputs:
        raise UsageError("--calibrate replays no policy: leave out --curate and --out")
    _calibrate(given, given.calibrate)


def _curate(given: "ReplayArguments", outputs: Sequence[str]) -> None:
    """Better options of each policy, and how they do on requests that the search did not see."""
    from heteroplan.cli.replaying import replay_options
    from heteroplan.outputs.replay.progress import ReplayProgress
    from heteroplan.outputs.shared.terminal import make_console
    from heteroplan.pipelines.curation import curate

    with (
        Interrupt("ending without a result") as interrupted,
        ReplayProgress(make_console(stderr=True)) as progress,
    ):
        result = curate(
            given.source,
            share=given.curate_share,
            trials=given.trials,
            **as_keywords(replay_options(given, interrupted, progress.update)),
        )
    with delivering({name: result.content(name) for name in outputs}):
        if given.as_json:
            emit(result.json_text())
        elif STDOUT not in outputs:
            from heteroplan.outputs.replay.curation.text import render_curation

            show(lambda console: render_curation(result.curation, console))


def _calibrate(given: "ReplayArguments", name: str) -> None:
    """Factors on the capacity of engines, to a file and a table."""
    from heteroplan.cli.replaying import replay_options
    from heteroplan.outputs.replay.progress import ReplayProgress
    from heteroplan.outputs.shared.terminal import make_console
    from heteroplan.pipelines.curation import calibrate, check_calibration_output

    check_calibration_output(name)
    with (
        Interrupt("ending without a result") as interrupted,
        ReplayProgress(make_console(stderr=True)) as progress,
    ):
        options = replay_options(given, interrupted, progress.update)
        result = calibrate(given.source, **as_keywords(options))
    with delivering({name: result.content(name)}):
        if given.as_json:
            emit(result.json_text())
        else:
            from heteroplan.outputs.replay.calibration.text import render_calibration

            show(lambda console: render_calibration(result.document, console))
