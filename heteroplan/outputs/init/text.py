"""What `init` says: what was written, what of it are examples, and what to do next."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from heteroplan.outputs.init.scenario_text import EXAMPLE
from heteroplan.outputs.shared.terminal import Text, print_lines, print_wrapped
from heteroplan.text import visible


def render_init(
    folder: Path,
    files: Sequence[Path],
    examples: Sequence[tuple[Path, str]],
    needed_gpus: float,
    gpus: int,
    console: Console,
) -> None:
    """The files, the examples in them, how full the fleet is, and the next commands."""
    for file in files:
        print_lines(f"Wrote {visible(str(file))}", console)
    if examples:
        console.print(f'Examples, which nobody gave and which files mark "{EXAMPLE}":')
    for file, words in examples:
        print_wrapped(Text(f"- {file.name}: {words}", style="yellow"), console)
    print_wrapped(Text(_use(needed_gpus, gpus)), console)
    out = shlex.quote(str(folder / "out"))
    scenario = shlex.quote(str(folder))
    console.print()
    console.print("Next:", style="bold")
    print_lines(f"  heteroplan validate {scenario}", console)
    print_lines(f"  heteroplan plan {scenario} --out {out}", console)
    plan = shlex.quote(str(folder / "out" / "plan.json"))
    print_lines(f"  heteroplan export {plan} --format keda --out keda.yaml", console)


def _use(needed_gpus: float, gpus: int) -> str:
    if needed_gpus > gpus:
        return (
            f"The fleet is too small: at their peaks the workloads need about {needed_gpus:,.0f} "
            f"GPUs, and it has {gpus:,}. The plan will say what goes short (exit code 1)."
        )
    return (
        f"At their peaks the workloads need about {needed_gpus:,.0f} of {gpus:,} GPUs (an "
        "estimate)."
    )
