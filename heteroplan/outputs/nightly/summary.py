"""summary.md: what changed against the schedule that was in force, in few lines for a chat."""

from collections.abc import Iterator
from dataclasses import dataclass

from heteroplan.outputs.plan import export_summary
from heteroplan.outputs.plan.document.plan_document import PlanDocument, PoolPart
from heteroplan.outputs.plan.export_summary import ExportSummary, tolerance_sentence
from heteroplan.outputs.plan.sentences import (
    promise_sentence,
    solver_sentence,
    spells,
    verdict,
)
from heteroplan.outputs.shared.promises import promises
from heteroplan.outputs.shared.words import demand_sentences, figure, horizon_text, rate
from heteroplan.text import listed, percent, visible

MOST_LISTED = 8
"""Pools, or spells of shortage, that are named."""


@dataclass(frozen=True, slots=True)
class Written:
    """A schedule that was written for another system."""

    file: str
    carried_out: ExportSummary | None = None
    """What comes of it there; None for formats that nothing carries out."""
    notes: tuple[str, ...] = ()
    """When to apply it, and which objects are no longer planned."""


@dataclass(frozen=True, slots=True)
class Story:
    """What a run has to tell."""

    last_night: str | None
    """Name of the night that was in force; None in the first one."""
    document: PlanDocument | None = None
    """None where the run ended without a plan."""
    last: PlanDocument | None = None
    """Plan that the new one goes on from."""
    written: tuple[Written, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""
    """Why the schedule is not in force; empty where it is."""


def summary_md(story: Story, scenario: str) -> str:
    """The summary as Markdown."""
    lines = [f"**{_head(story, scenario)}**", ""]
    if story.problem:
        stays = "no schedule is in force"
        if story.last_night is not None:
            stays = f"the schedule of {story.last_night} stays in force"
        lines += [f"Not in force, {stays}: {_line(story.problem)}", ""]
    if story.document is not None:
        told, solved = verdict(story.document), solver_sentence(story.document)
        lines += [solved if story.problem == told else f"{told} {solved}", ""]
        lines += [f"- {each}" for each in _items(story.document, story)]
    lines += [f"- {_line(each)}" for each in story.notes]
    return "\n".join(lines).rstrip("\n") + "\n"


def _head(story: Story, scenario: str) -> str:
    if story.document is None:
        return f"{_line(scenario)}: no plan"
    return f"{story.document.scenario}: {horizon_text(story.document.horizon)}"


def _items(document: PlanDocument, story: Story) -> Iterator[str]:
    yield _totals(document, story.last)
    if story.last is not None:
        yield from _pool_changes(document, story.last)
    yield from _shortages(document)
    yield from _promises(document, story.last)
    for each in story.written:
        yield _written(each)
    yield from dict.fromkeys(_line(note) for each in story.written for note in each.notes)
    if document.inputs is not None:
        yield from (_line(each) for each in demand_sentences(document.given.workloads))


def _totals(document: PlanDocument, last: PlanDocument | None) -> str:
    now = document.totals
    if last is None or _length_s(last) != _length_s(document):
        return (
            f"{now.cost_usd:,.2f} USD, {now.gpu_hours:,.1f} GPU-hours, peak {now.peak_gpus:,} GPUs"
        )
    was = last.totals
    return (
        f"{now.cost_usd:,.2f} USD ({_change(was.cost_usd, now.cost_usd)}), "
        f"{now.gpu_hours:,.1f} GPU-hours ({_change(was.gpu_hours, now.gpu_hours)}), "
        f"peak {now.peak_gpus:,} GPUs ({_more(was.peak_gpus, now.peak_gpus)}) against the plan "
        f"before, from {last.horizon.boundaries()[0]:%Y-%m-%d %H:%M} on"
    )


def _length_s(document: PlanDocument) -> int:
    return document.horizon.intervals * document.horizon.interval_s


def _change(was: float, now: float) -> str:
    if was == now:
        return "as before"
    if was == 0:
        return "0 before"
    share = now / was - 1
    return f"{'+' if share > 0 else '-'}{percent(abs(share))}"


def _more(was: int, now: int) -> str:
    return "as before" if was == now else f"{now - was:+,}"


def _pool_changes(document: PlanDocument, last: PlanDocument) -> Iterator[str]:
    now, was = _pools(document), _pools(last)
    for what, some, others in (("added", now, was), ("removed", was, now)):
        names = [
            f"{name} (up to {max(pool.replicas)})"
            for name, pool in some.items()
            if name not in others
        ]
        if names:
            yield f"pools {what}: {listed(names, MOST_LISTED)}"


def _pools(document: PlanDocument) -> dict[str, PoolPart]:
    """Pools that have a replica, by what tells them apart."""
    return {_pool_name(each): each for each in document.pools if any(each.replicas)}


def _pool_name(pool: PoolPart) -> str:
    names = (pool.workload, pool.role.value, pool.engine)
    return f"`{' '.join(names)} on {pool.node_type} in {pool.domain}`"


def _shortages(document: PlanDocument) -> Iterator[str]:
    short = [
        f"{each.workload} {each.when(document.horizon)}, up to {rate(each.worst_rps)} "
        f"({percent(each.worst_fraction)}), {each.limited_by}"
        for each in spells(document)
    ]
    if short:
        total = figure(document.solver.unserved_requests)
        yield f"short of {total} requests: {listed(short, MOST_LISTED, '; ')}"


def _promises(document: PlanDocument, last: PlanDocument | None) -> Iterator[str]:
    """SLOs that are not those of the plan before, and what easier ones would cost."""
    if document.inputs is not None and last is not None and last.inputs is not None:
        before = {each.to: each.slo for each in promises(last.given.workloads)}
        changed = [
            f"{each.to}: {each.slo} (before: {before[each.to]})"
            for each in promises(document.given.workloads)
            if before.get(each.to, each.slo) != each.slo
        ]
        if changed:
            yield f"promises changed: {listed(changed, MOST_LISTED, '; ')}"
    if easier := promise_sentence(document):
        yield easier


def _written(each: Written) -> str:
    if each.carried_out is None:
        return each.file
    told = (export_summary.verdict(each.carried_out), tolerance_sentence(each.carried_out))
    return f"{each.file}: {' '.join(filter(None, told))}"


def _line(text: str) -> str:
    """On one line."""
    return "; ".join(visible(line) for line in text.splitlines())
