"""The tables and sentences of a curation that terminal and page share."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from heteroplan.outputs.replay.figures import Column, share_text
from heteroplan.outputs.shared.words import figure
from heteroplan.simulation.curation.curate import SPARE
from heteroplan.simulation.curation.pressure import PressureTest, SplitTest
from heteroplan.simulation.curation.results import Candidate, Curated, Curation, best
from heteroplan.simulation.policies.static_peak import StaticPeak

GIVEN, FOUND = "given", "curated"
"""What options are called."""


def heading(curation: Curation) -> str:
    """Which part was searched on and which one is judged, how many trials, and the seed."""
    start = curation.start
    cut, end = (start + timedelta(seconds=each) for each in (curation.cut_s, curation.duration_s))
    return (
        f"searched {start:%Y-%m-%d %H:%M} to {cut:%Y-%m-%d %H:%M}, judged from there to "
        f"{end:%Y-%m-%d %H:%M} {start.tzinfo}; {curation.most_trials:,} trials a policy, "
        f"seed {curation.seed}"
    )


def verdict(curation: Curation) -> tuple[bool, str]:
    """Whether any policy keeps the SLO on the unseen part, and which takes least, as a sentence."""
    found = best(curation, curation.policies)
    if found is None:
        nearest = max(curation.policies, key=lambda each: each.found.unseen.share)
        return False, (
            f"No policy keeps the SLO on the unseen part; nearest is {nearest.policy} with "
            f"{share_text(nearest.found.unseen.share)} % of the requests in time."
        )
    unseen = found.found.unseen
    by = "cost" if curation.objective == "cost" else "GPU-hours"
    return True, (
        f"{found.policy} keeps the SLO on the unseen part for the least {by}: "
        f"{unseen.cost_usd:,.2f} USD, {unseen.gpu_hours:,.1f} GPU-hours."
    )


def policy_columns(curation: Curation) -> list[Column]:
    """Two rows a policy, or one where nothing was searched: figures of the unseen part."""
    rows = list(candidates(curation))
    static = next((p for p in curation.policies if p.policy == StaticPeak.name), None)
    peak = 0.0 if static is None else static.given.unseen.amount(curation.objective)

    def column(head: str, rank: int, cells: Iterable[str]) -> Column:
        return Column(head, tuple(cells), rank)

    def saved(each: Candidate) -> str:
        return share_text(1.0 - each.unseen.amount(curation.objective) / peak)

    gain = "gain\n% USD" if curation.objective == "cost" else "gain\n% GPU-h"
    chosen = best(curation, curation.policies)
    return [
        column(
            "policy",
            0,
            (f"{'* ' if p is chosen and name != GIVEN else '  '}{p.policy}" for p, name, _ in rows),
        ),
        column("options", 0, (name for _, name, _ in rows)),
        column("SLO", 0, ("kept" if curation.keeps_slo(c.unseen) else "missed" for *_, c in rows)),
        column("GPU-\nhours", 0, (f"{c.unseen.gpu_hours:,.1f}" for *_, c in rows)),
        column("cost\nUSD", 3, (f"{c.unseen.cost_usd:,.2f}" for *_, c in rows)),
        *([column("saved\n%", 2, (saved(c) for *_, c in rows))] if peak > 0.0 else []),
        column(
            gain,
            0,
            (
                share_text(p.gain(curation.objective)) if name == FOUND else ""
                for p, name, _ in rows
            ),
        ),
        column("in time\n%", 0, (share_text(c.unseen.share) for *_, c in rows)),
        column("seen:\n%", 1, (share_text(c.seen.share) for *_, c in rows)),
        column("seen:\nGPU-hours", 4, (f"{c.seen.gpu_hours:,.1f}" for *_, c in rows)),
    ]


def candidates(curation: Curation) -> Iterator[tuple[Curated, str, Candidate]]:
    """Policies with their given and with found options; once where nothing was searched."""
    for policy in curation.policies:
        if not policy.trials:
            yield policy, "-", policy.given
            continue
        yield policy, GIVEN, policy.given
        yield policy, FOUND, policy.found


def table_sentence(curation: Curation) -> str:
    """What the table of policies means."""
    left = f"{100 * SPARE:g} %"
    return (
        "On the unseen part, which no search saw; in time: of all requests, both targets kept. "
        "SLO kept: for each workload over the whole part. Options were found on the seen part: "
        "the least "
        f"{'cost' if curation.objective == 'cost' else 'GPU-hours'} of those that keep the SLO "
        f"there and leave {left} of the misses that it allows. Gain: of curated against given "
        "options; saved: against static_peak, if that is there."
    )


def option_lines(curation: Curation) -> list[str]:
    """The policies as `--policy` takes them, those with options found."""
    return [each.text for each in curation.policies if each.trials]


def pressure_columns(curation: Curation, *, all_splits: bool) -> list[Column]:
    """Groups under pressure: the best split of each workload, or all of them."""
    rows = [
        (test, split)
        for test in curation.tests
        for split in (test.splits if all_splits else (test.best,))
    ]

    def column(head: str, rank: int, cells: Iterable[str]) -> Column:
        return Column(head, tuple(cells), rank)

    return [
        column("workload", 0, (curation.workloads[test.workload] for test, _ in rows)),
        column("engines", 2, (_engines(test) for test, _ in rows)),
        column("prefill +\ndecode", 0, (_split(test, each) for test, each in rows)),
        column("P/D\nratio", 0, (_ratio(test, each) for test, each in rows)),
        column("planned\nratio", 1, (_planned(test) for test, _ in rows)),
        column("requests/s", 0, (figure(each.rate_rps) for _, each in rows)),
        column("of what\nplans\ncount on", 0, (_share(each) for _, each in rows)),
        column("tokens/s a\ndecode\nreplica", 0, (figure(s.decode_tokens_per_s) for _, s in rows)),
    ]


def pressure_sentence(curation: Curation) -> str:
    """What the pressure tests did."""
    if not curation.tests:
        return "No workload has engines of both roles: there was no pressure test."
    return (
        "Pressure test: groups of that many replicas were loaded until the SLO broke, in several "
        "splits; the one that serves most for what it takes gives each search a first trial."
    )


def _engines(test: PressureTest) -> str:
    return test.decode if test.prefill is None else f"{test.prefill} + {test.decode}"


def _split(test: PressureTest, split: SplitTest) -> str:
    return f"{split.decode}" if test.prefill is None else f"{split.prefill} + {split.decode}"


def _ratio(test: PressureTest, split: SplitTest) -> str:
    return "-" if test.prefill is None else f"{split.prefill / split.decode:.2f}"


def _planned(test: PressureTest) -> str:
    return "-" if test.planned_ratio is None else f"{test.planned_ratio:.2f}"


def _share(split: SplitTest) -> str:
    return f"{split.rate_rps / split.promised_rps:.2f}"


def rows_of(columns: Sequence[Column]) -> list[tuple[str, ...]]:
    """Cells row by row."""
    return list(zip(*(each.cells for each in columns), strict=True))
