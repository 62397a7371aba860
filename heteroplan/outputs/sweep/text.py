"""A study on a terminal: what varies, the cheapest case, where coverage ends, and the table."""

from collections.abc import Iterator, Sequence

from rich.console import Console

from heteroplan.outputs.shared.tables import plain_table
from heteroplan.outputs.shared.terminal import Text, print_trimmed, print_wrapped
from heteroplan.outputs.shared.words import amount_unit, figure
from heteroplan.outputs.sweep.document import SweepDocument
from heteroplan.outputs.sweep.figures import (
    AS_IT_IS,
    by_value,
    cheapest,
    cheapest_with_egress,
    coverage_ends,
    egress_text,
    has_egress,
    inputs_text,
    most_expensive,
    objective_of,
    value_text,
    varied_paths,
    verdict,
)
from heteroplan.outputs.sweep.labels import input_label
from heteroplan.outputs.sweep.samples import print_samples, spread_sentences
from heteroplan.outputs.sweep.swings_text import print_swings
from heteroplan.studies.result import COVERED, SHORT, CaseResult, CaseStatus, base_of, is_covered
from heteroplan.studies.swings import Swing, swings
from heteroplan.text import percent

MOST_ROWS = 40
"""Cases that are shown one by one; of more, rows by value."""
MOST_ERRORS = 5
_HEAD = 14
"""Characters of a line of a path above a column."""
_STYLES = {COVERED: "green", SHORT: "red", "failed": "red", "undecided": "yellow"}


def render_sweep(document: SweepDocument, console: Console) -> None:
    """Few sentences and one table, or one for each varied input where cases are many."""
    print_wrapped(Text.assemble((document.scenario, "bold"), f"  {_heading(document)}"), console)
    for sentence in sentences(document):
        print_wrapped(Text(sentence), console)
    for note in document.notes:
        print_wrapped(Text(f"Note: {note}."), console)
    console.print()
    if document.samples is not None:
        print_samples(document, console)
    elif moved := _moved(document):
        print_swings(moved, document.objective, console)
    elif len(document.cases) <= MOST_ROWS:
        _print_cases(document, console)
    else:
        for each in document.vary:
            _print_values(document, each.path, console)
    for line in _errors(document):
        print_wrapped(Text(line, style="red"), console)


def sentences(document: SweepDocument) -> Iterator[str]:
    """How many cases are covered, the cheapest of them, and where coverage ends."""
    cases = document.cases
    counts = {name: sum(verdict(each) == name for each in cases) for name in _STYLES}
    yield (
        ", ".join(f"{count:,} {name}" for name, count in counts.items() if count or name == COVERED)
        + f" of {len(cases):,} cases."
    )
    best = cheapest(document, cases)
    moved = _moved(document)
    if moved:
        most = input_label(moved[0].path)
        yield f"As it is: {_amount(document, moved[0].base)}; {most} changes that most."
    elif best is not None and len(cases) > 1 and document.samples is None:
        yield f"Cheapest that covers all demand: {_told(document, best)}{_dearest(document, best)}."
    if best is None and len(cases) > 1 and document.samples is None:
        yield from _most_served(document)
    if document.samples is not None:
        yield from spread_sentences(document)
    if document.samples is None:
        yield from egress_sentences(document)
    for path, last, beyond in coverage_ends(document):
        yield (
            f"Coverage ends between {path} {value_text(last)} (all cases covered) and "
            f"{value_text(beyond)}."
        )
    late = sum(each.status is CaseStatus.TIME_LIMIT for each in cases)
    if late:
        what = "1 case was" if late == 1 else f"{late:,} cases were"
        yield (
            f"{what} ended by the clock: {'it' if late == 1 else 'they'} may differ from run to "
            "run. A wider --gap, fewer --steps or a longer --time-limit end all alike."
        )


def _told(document: SweepDocument, case: CaseResult) -> str:
    return f"{_amount(document, case)} with {inputs_text(document, case)}"


def _dearest(document: SweepDocument, best: CaseResult) -> str:
    """The most expensive of the cases that cover all demand, and how much more that is."""
    found = most_expensive(document, document.cases)
    least, most = (None if each is None else objective_of(document, each) for each in (best, found))
    if found is None or not least or most is None or most <= least:
        return ""
    return f"; most expensive: {_told(document, found)}, {percent(most / least - 1)} more"


def _most_served(document: SweepDocument) -> Iterator[str]:
    """Of cases none of which covers all demand: the one that serves most, if it serves more."""
    served = [(each.served_fraction, each) for each in document.cases if each.served_fraction]
    if served and min(served, key=_share)[0] < max(served, key=_share)[0]:
        most, best = max(served, key=_share)
        unserved = percent(1 - most, 2)
        yield f"Least is unserved with {inputs_text(document, best)}: {unserved}."


def egress_sentences(document: SweepDocument) -> Iterator[str]:
    """Which case is cheapest with what crosses between regions, where that has prices."""
    found = cheapest_with_egress(document)
    if found is not None and len(document.cases) > 1:
        best, usd = found
        yield (
            f"Cheapest with egress, which is in no cost and no gap: {figure(usd)} USD with "
            f"{inputs_text(document, best)}."
        )


def _share(served: tuple[float, CaseResult]) -> float:
    return served[0]


def _moved(document: SweepDocument) -> tuple[Swing, ...]:
    """What single inputs change, where that says more than the cases."""
    return swings(document.cases, document.objective) if _one_at_a_time(document) else ()


def _one_at_a_time(document: SweepDocument) -> bool:
    """Whether changes of cost say more than a table of cases, most of whose columns are empty.

    Each case sets an input of its own, and the base case covers all demand.
    """
    if any(each.name for each in document.cases):
        return False
    base = base_of(document.cases)
    paths = {path for each in document.cases for path in each.inputs}
    alone = len(paths) > 2 and all(len(each.inputs) <= 1 for each in document.cases)
    return alone and base is not None and is_covered(base)


def _heading(document: SweepDocument) -> str:
    varied = " x ".join(f"{each.path} ({len(each.values)} values)" for each in document.vary)
    drawn = document.samples
    if drawn is not None:
        varied += f"{' x ' if varied else ''}{drawn.count:,} samples (seed {drawn.seed})"
    return f"{len(document.cases):,} cases" + (f": {varied}" if varied else "")


def _amount(document: SweepDocument, case: CaseResult) -> str:
    value = objective_of(document, case)
    return "" if value is None else f"{figure(value)} {amount_unit(document.objective)}"


def _print_cases(document: SweepDocument, console: Console) -> None:
    paths = varied_paths(document)
    named = any(each.name for each in document.cases)
    figures = ("demand\nis", ">USD", ">GPU-hours", ">peak\nGPUs", ">not\nserved", ">gap")
    egress = has_egress(document)
    heads = [
        *(["case"] if named else []),
        *(f">{_stacked(path)}" for path in paths),
        *figures,
        *([">egress\nUSD"] if egress else []),
    ]
    table = plain_table(console, *heads)
    table.naming = 1 if named else max(1, len(paths))
    table.unnamed = AS_IT_IS
    for case in document.cases:
        said = verdict(case)
        table.add_row(
            *([Text(case.name or "")] if named else []),
            *(_cell(case, path) for path in paths),
            Text(said, style=_STYLES.get(said, "")),
            *map(Text, _figures(case)),
            *([Text(egress_text(case))] if egress else []),
        )
    print_trimmed(table, console)


def _stacked(path: str) -> str:
    """A path in lines of few characters, broken after its dots."""
    lines = [""]
    for step in path.split("."):
        if lines[-1] and len(lines[-1]) + len(step) > _HEAD:
            lines.append("")
        lines[-1] += f"{step}."
    return "\n".join(lines).removesuffix(".")


def _cell(case: CaseResult, path: str) -> Text:
    return Text(value_text(case.inputs[path]) if path in case.inputs else "")


def _figures(case: CaseResult) -> Iterator[str]:
    for value in (case.cost_usd, case.gpu_hours):
        yield "" if value is None else figure(value)
    yield "" if case.peak_gpus is None else f"{case.peak_gpus:,}"
    served = case.served_fraction
    yield "" if served is None or served >= 1 else f"{1 - served:.2%}"
    yield "" if case.gap is None else f"{case.gap:.1%}"


def _print_values(document: SweepDocument, path: str, console: Console) -> None:
    table = plain_table(
        console, _stacked(path), ">covered", ">cheapest\nthat covers", "with", last_wraps=True
    )
    for row in by_value(document, path):
        best = row.best
        others = "" if best is None else ", ".join(
            f"{name}={value_text(value)}" for name, value in best.inputs.items() if name != path
        )  # fmt: skip
        table.add_row(
            Text(value_text(row.value)),
            Text(f"{row.covered} of {row.cases}"),
            Text("" if best is None else _amount(document, best)),
            Text(others),
        )
    print_trimmed(table, console)
    console.print()


def _errors(document: SweepDocument) -> Iterator[str]:
    """Each error once, after the cases that have it."""
    wrong: dict[str, list[CaseResult]] = {}
    for each in document.cases:
        if each.error:
            wrong.setdefault(each.error, []).append(each)
    for error, cases in list(wrong.items())[:MOST_ERRORS]:
        first, *others = error.split("\n")
        yield f"{_told_together(document, cases)}: {first}"
        yield from others
    if len(wrong) > MOST_ERRORS:
        more = sum(map(len, list(wrong.values())[MOST_ERRORS:]))
        yield f"and {more:,} more {'case' if more == 1 else 'cases'} that failed"


def _told_together(document: SweepDocument, cases: Sequence[CaseResult]) -> str:
    """What no other cases have in common, or the first case and how many more."""
    first, *others = cases
    shared = {
        path: value
        for path, value in first.inputs.items()
        if all(path in each.inputs and each.inputs[path] == value for each in others)
    }
    having = sum(shared.items() <= each.inputs.items() for each in document.cases)
    if others and shared and having == len(cases):
        common = ", ".join(f"{path}={value_text(value)}" for path, value in shared.items())
        return f"{common} ({len(cases):,} cases)"
    more = f" and {len(others):,} more" if others else ""
    return f"{inputs_text(document, first)}{more}"
