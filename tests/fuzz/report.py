"""The table at the end, and a line a kind of fault."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tests.fuzz.verdicts import VERDICTS, Fault

MOST_SHOWN = 3
"""Cases of a kind of fault that are named."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A case that went wrong."""

    number: int
    what: str
    """Its command and its changes."""
    faults: tuple[Fault, ...]


def report(failed: Iterable[Failed], cases: int, seed: int, cpu_s: float) -> str:
    """Counts by verdict, and each kind of fault with how to run some of its cases again."""
    counts: Counter[str] = Counter()
    kinds: dict[Fault, list[Failed]] = defaultdict(list)
    for each in sorted(failed, key=lambda one: one.number):
        counts.update({fault.verdict for fault in each.faults})
        for fault in dict.fromkeys(each.faults):
            kinds[fault].append(each)
    lines = [f"{cases} cases of seed {seed}, {cpu_s:.0f} s of CPU"]
    lines += [f"{counts[verdict]:>8}  {verdict}" for verdict in VERDICTS]
    for fault in sorted(kinds, key=lambda kind: (VERDICTS.index(kind.verdict), -len(kinds[kind]))):
        cases_of = kinds[fault]
        lines += ["", f"{fault.verdict}: {fault.detail} ({len(cases_of)})"]
        for each in cases_of[:MOST_SHOWN]:
            lines += [f"  --seed {seed} --only {each.number}", f"    {each.what}"]
    if kinds:
        lines += ["", "Run one again: uv run python -m tests.fuzz --seed SEED --only NUMBER, with",
                  "--keep DIR to keep its files there."]  # fmt: skip
    return "\n".join(lines)
