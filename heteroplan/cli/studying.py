"""`replay --study` and `replay --stress`: parse, one pipeline call, one render."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from heteroplan.cli import options
from heteroplan.cli.interrupts import Interrupt
from heteroplan.cli.streams import STDOUT, delivering, emit, show
from heteroplan.errors import UsageError
from heteroplan.pipelines.shared.arguments import as_keywords

if TYPE_CHECKING:
    from rich.console import Console

    from heteroplan.cli.replaying import ReplayArguments
    from heteroplan.outputs.shared.files import Content
    from heteroplan.pipelines.stress import StressResult
    from heteroplan.pipelines.study import StudyResult

SIGNALS = "signals"
_NOT_OF_A_STUDY = {
    "trace": "--trace",
    "policy": "--policy",
    "fluid": "--fluid",
    "rate": "--rate",
    "scale_to_demand": "--scale-to-demand",
    "align": "--align",
    "begin": "--from",
    "fail": "--fail",
    "concurrency": "--concurrency",
}
"""Options that a study of signals does not take."""


def studied(given: "ReplayArguments", outputs: Sequence[str]) -> None:
    """A study of signals or a stress test, to files and terminal. Raises UsageError."""
    _check(given)
    with Interrupt("ending without a result") as interrupted:
        result = _stress(given, interrupted) if given.stress else _study(given, interrupted)
    contents: dict[str, Content] = {name: result.content(name) for name in outputs}
    with delivering(contents):
        if given.as_json:
            emit(result.json_text())
        elif STDOUT not in outputs:
            show(lambda console: _render(result, console))


def _check(given: "ReplayArguments") -> None:
    if given.stress and given.study is not None:
        raise UsageError("--study and --stress exclude each other; leave one of them out")
    option = "--stress" if given.stress else "--study"
    if given.requests is not None:
        raise UsageError(f"{option}: there is no one list of requests; leave out --requests")
    if given.study is None:
        return
    if given.study.partition(":")[0] != SIGNALS:
        raise UsageError(f"--study {given.study}: write signals, or signals:WORKLOAD")
    for name, text in _NOT_OF_A_STUDY.items():
        if getattr(given, name):
            raise UsageError(f"--study: signals are studied at loads of its own; leave out {text}")


def _study(given: "ReplayArguments", interrupted: Interrupt) -> "StudyResult":
    from heteroplan.outputs.replay.progress import ReplayProgress
    from heteroplan.outputs.shared.terminal import make_console
    from heteroplan.pipelines import study as pipeline

    assert given.study is not None
    with ReplayProgress(make_console(stderr=True)) as progress:
        return pipeline.study(
            given.source,
            workload=given.study.partition(":")[2] or None,
            seed=given.seed,
            duration_s=pipeline.RUN_S if given.duration is None else given.duration,
            routing=given.routing,
            kv_full=given.kv_full,
            jobs=given.jobs,
            overrides=given.overrides or (),
            gap=given.gap,
            time_limit_s=options.seconds_left(given.time_limit),
            stop=interrupted,
            progress=progress.update,
        )


def _stress(given: "ReplayArguments", interrupted: Interrupt) -> "StressResult":
    from heteroplan.cli.replaying import replay_options
    from heteroplan.outputs.replay.progress import ReplayProgress
    from heteroplan.outputs.shared.terminal import make_console
    from heteroplan.pipelines import stress as pipeline

    with ReplayProgress(make_console(stderr=True)) as progress:
        given_options = replay_options(given, interrupted, progress.update)
        return pipeline.stress(given.source, **as_keywords(given_options))


def _render(result: "StudyResult | StressResult", console: "Console") -> None:
    from heteroplan.pipelines.stress import StressResult

    if isinstance(result, StressResult):
        from heteroplan.outputs.replay.stress.text import render_stress

        render_stress(result.stress, console)
    else:
        from heteroplan.outputs.replay.study.text import render_study

        render_study(result.study, console)
