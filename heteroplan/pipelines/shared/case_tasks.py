"""The cases of a study as tasks, each loaded when it is about to be planned."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, overload

from heteroplan.errors import InputError, InputProblem, UsageError
from heteroplan.inputs.pasts import Pasts
from heteroplan.pipelines.shared.case_work import CaseTask
from heteroplan.pipelines.shared.result_store import ResultStore
from heteroplan.pipelines.shared.sampling import Sampler, Sampling
from heteroplan.pipelines.shared.solving import load
from heteroplan.studies.case import Case, Inputs, Search, case_key
from heteroplan.studies.result import CaseResult, CaseStatus, failed
from heteroplan.studies.study import Study

if TYPE_CHECKING:
    from heteroplan.inputs import Loaded

_SET, _VARY = "--set", "--vary"


class CaseTasks(Sequence[CaseTask]):
    """The task of each case, in their order; made anew whenever it is asked for.

    A case with wrong input, or whose result is in the store, is a task with nothing to do.
    """

    def __init__(
        self,
        scenario: str,
        overrides: tuple[str, ...],
        interval: str | None,
        cases: Sequence[Case],
        search: Search,
        time_limit_s: float,
        store: ResultStore[CaseResult] | None,
        sampling: Sampling | None = None,
    ) -> None:
        from heteroplan.reading.input_files import Files

        self._scenario, self._overrides, self._interval = scenario, overrides, interval
        self.cases = cases
        self._search, self._time_limit_s = search, time_limit_s
        self.store = store
        self.known: set[int] = set()
        """Places of cases whose results were in the store."""
        self._files = Files()
        """As they were when the study began, whatever becomes of them."""
        self._pasts = Pasts()
        self._sampler = None if sampling is None else Sampler(sampling, self._pasts)
        self.begun: CaseResult | None = None
        """Of the first case, where the others start from its plan."""

    def base(self) -> "Loaded":
        """The scenario without what is varied.

        Raises InputError, and UsageError where samples of it cannot be drawn.
        """
        loaded = load(
            self._scenario,
            overrides=self._overrides,
            interval=self._interval,
            files=self._files,
            pasts=self._pasts,
        )
        if self._sampler is not None:
            self._sampler.begin(loaded)
        return loaded

    @property
    def sample_notes(self) -> tuple[str, ...]:
        """What samples take as certain, or assume; one sentence each."""
        return () if self._sampler is None else self._sampler.notes

    def refuse_unknown(self, study: Study) -> None:
        """Raises InputError for inputs none of whose values the scenario can have."""
        problems: list[InputProblem] = []
        for each in study.variations:
            problems += self._problems_of([((each.path, value),) for value in each.values])
        problems += self._problems_of(list(study.named.values()))
        if problems:
            raise InputError(problems)

    def first(self) -> CaseTask:
        """The task of the first case, to be done although its result may be in the store."""
        store, self.store = self.store, None
        try:
            return self[0]
        finally:
            self.store = store

    def keep(self, result: CaseResult) -> None:
        """Into the store; a failed case is not kept, and done again. Raises UsageError."""
        if self.store is not None and result.status is not CaseStatus.FAILED:
            self.store.keep(result.key, result)

    def __len__(self) -> int:
        return len(self.cases)

    @overload
    def __getitem__(self, place: int) -> CaseTask: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[CaseTask]: ...
    def __getitem__(self, place: int | slice) -> CaseTask | Sequence[CaseTask]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        case = self.cases[place]
        task = CaseTask(case, "", self._search, self._time_limit_s)
        if place == 0 and self.begun is not None:
            return replace(task, known=self.begun)
        try:
            case, loaded, identity = self._made(case)
        except (InputError, UsageError) as error:
            return replace(task, known=failed(case, "", str(error), wrong_input=True))
        task = replace(task, case=case)
        start = None if self.begun is None else self.begun.key
        key = case_key(identity, self._search, start)
        before = None if self.store is None else self.store.found(key)
        if before is not None:
            self.known.add(place)
            own = {"name": case.name, "inputs": dict(case.inputs)}
            return replace(task, key=key, known=before.model_copy(update=own))
        return replace(task, key=key, loaded=loaded)

    def _made(self, case: Case) -> "tuple[Case, Loaded, str]":
        """The case with what its sample is, its scenario, and what names both.

        Raises InputError, and UsageError where nothing says how uncertain the scenario is.
        """
        sampler = self._sampler
        if sampler is None:
            loaded = self._loaded(case)
            return case, loaded, loaded.scenario.inputs_sha256
        loaded = sampler.known(case.inputs) or self._loaded(case)
        made, scenario = sampler.drawn(case, loaded)
        return made, scenario, f"{loaded.scenario.inputs_sha256} {sampler.identity(case)}"

    def _problems_of(self, settings: Sequence[Inputs]) -> Sequence[InputProblem]:
        """Of the first, where none fits; none where one does."""
        first: Sequence[InputProblem] = ()
        for inputs in settings:
            try:
                self._loaded(Case(0, inputs))
            except InputError as error:
                first = first or error.problems
            else:
                return ()
        return first

    def _loaded(self, case: Case) -> "Loaded":
        """Raises InputError; what is set in a case is named as `--vary`."""
        try:
            return load(
                self._scenario,
                overrides=(*self._overrides, *case.overrides),
                interval=self._interval,
                files=self._files,
                pasts=self._pasts,
            )
        except InputError as error:
            raise InputError(
                replace(each, file=each.file.replace(_SET, _VARY, 1)) for each in error.problems
            ) from None
