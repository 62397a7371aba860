"""Samples of what is uncertain, as cases of a study."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from heteroplan.errors import UsageError
from heteroplan.inputs.pasts import Pasts
from heteroplan.pipelines.shared.uncertainty import KINDS, uncertainty_of
from heteroplan.studies.case import MOST_CASES, Case, Inputs

if TYPE_CHECKING:
    from heteroplan.inputs import Loaded
    from heteroplan.studies.samples import Uncertainty


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Which samples a study draws."""

    count: int
    seed: int
    kinds: Sequence[str] = KINDS
    """What is drawn: some of `KINDS`."""


def sampled_cases(cases: Sequence[Case], count: int) -> tuple[Case, ...]:
    """Each case with each of the same samples, which change fastest. Raises UsageError."""
    every_one = len(cases) * count
    if every_one > MOST_CASES:
        raise UsageError(
            f"--samples {count}: {every_one:,} cases are more than {MOST_CASES:,}; draw fewer"
        )
    every = (replace(case, sample=sample) for case in cases for sample in range(count))
    return tuple(replace(case, place=place) for place, case in enumerate(every))


class Sampler:
    """Scenarios of cases with what their samples are."""

    def __init__(self, sampling: Sampling, pasts: Pasts) -> None:
        self._sampling, self._pasts = sampling, pasts
        self._known: tuple[Inputs, Loaded, Uncertainty] | None = None
        """Of the cases looked at last, which have the same inputs."""
        self.notes: tuple[str, ...] = ()

    def begin(self, loaded: "Loaded") -> None:
        """Raises UsageError where nothing says how uncertain the scenario is."""
        self.notes = self._uncertainty((), loaded).notes

    def known(self, inputs: Inputs) -> "Loaded | None":
        """The scenario of the case looked at last, where it had these inputs."""
        return None if self._known is None or self._known[0] != inputs else self._known[1]

    def identity(self, case: Case) -> str:
        """What a sample depends on beside the inputs of its case."""
        kinds = ",".join(sorted(self._sampling.kinds))
        return f"seed {self._sampling.seed} sample {case.sample} of {kinds}"

    def drawn(self, case: Case, loaded: "Loaded") -> "tuple[Case, Loaded]":
        """The case with what its sample is, and its scenario with all of that known."""
        from heteroplan.profiles.capacity.candidates import candidates_of
        from heteroplan.studies.samples import drawn

        assert case.sample is not None
        what = self._uncertainty(case.inputs, loaded)
        sample = drawn(loaded.scenario, what, self._sampling.seed, case.sample)
        inputs = tuple(sample.inputs(loaded.scenario).items())
        scenario = sample.scenario(loaded.scenario)
        made = replace(loaded, scenario=scenario, candidates=tuple(candidates_of(scenario)))
        return replace(case, drawn=inputs), made

    def _uncertainty(self, inputs: Inputs, loaded: "Loaded") -> "Uncertainty":
        if self._known is None or self._known[0] != inputs:
            what = uncertainty_of(loaded, self._pasts, self._sampling.kinds)
            self._known = inputs, loaded, what
        return self._known[2]
