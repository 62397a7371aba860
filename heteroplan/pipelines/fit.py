"""`fit`: measurements to the engines of a profile with their errors, and these to files and frames.

Only light modules are imported at the top; each stage brings its own (start-up time).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import RequestClass, Role, Span
from heteroplan.errors import InputError, InputProblem, UsageError
from heteroplan.pipelines.shared import limits
from heteroplan.pipelines.shared.arguments import Name, check_limits, keywords, names
from heteroplan.reading.input_size import MOST_MEASURED_BYTES

if TYPE_CHECKING:
    from pandas import DataFrame

    from heteroplan.entities.capacity import OperatingPoint
    from heteroplan.entities.workload import Engine
    from heteroplan.profiles.capacity.replica import Asked
    from heteroplan.profiles.fitting.fit import Within
    from heteroplan.profiles.fitting.fitted import Fitted
    from heteroplan.profiles.fitting.report import FitReport, Wanted
    from heteroplan.profiles.readers.file_measurements import FileMeasurements

type Bounds = Span | tuple[float, float]
"""From the first to the second, both included."""

NOT_WRITTEN = "profile (not written)"
"""How problems call a profile that scenarios would refuse."""
AIC = "aic"
"""How `source` calls AIConfigurator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """Keywords of `fit`."""

    format: str | None = None
    """Such as vllm; by the names inside where not given."""
    source: str | None = None
    """`aic` or `aic:BACKEND`: model the latencies with AIConfigurator instead (`--from`)."""
    gpu: str | None = None
    """Fit this GPU type only; for a file without GPU type: its GPU type."""
    tp: int | None = None
    """Only this size [GPUs], or that of a file without one."""
    model: str | None = None
    """Name of the profile; of several models in a file, which."""
    layers: int | None = None
    """Number of layers of the model, for files with times per layer."""
    context_tokens: float | None = None
    """Context of the decode steps, for files without it."""
    tokens: Bounds | None = None
    """Fit only prefill batches in this range of tokens."""
    batch: Bounds | None = None
    """Fit only decode steps in this range of sequences."""
    context: Bounds | None = None
    """Fit only decode steps in this range of contexts [tokens]."""
    isl: float | None = None
    """Input of a request [tokens]."""
    osl: float | None = None
    """Output of a request [tokens]."""
    ttft_ms: float | None = None
    """SLO."""
    itl_ms: float | None = None
    """SLO."""
    percentile: float = 0.99
    """Share of requests that meet both."""
    kv_tokens: int | Mapping[tuple[str, int] | None, int] | None = None
    """KV cache that fits a decode replica [tokens]: of all, or by GPU type and GPUs a replica,
    where None stands for all others."""
    kv_bytes_per_token: float | None = None
    """KV cache of a token [bytes]."""
    max_sequences: int | None = None
    """Sequences that a replica decodes at a time (vLLM: max_num_seqs)."""
    max_batch_tokens: int | None = None
    """Of prompts prefilled together (vLLM: max_num_batched_tokens); one by one where not given."""
    startup_s: float = 0.0
    """Until a replica serves [s]."""
    drain_s: float = 0.0
    """Until its GPUs come back [s]."""
    max_bytes: int = MOST_MEASURED_BYTES
    """Held of a file at a time."""


@dataclass(frozen=True, slots=True)
class FitResult:
    """Fitted engines, and what they look like as files and frames."""

    fitted: "tuple[Fitted, ...]"
    """Prefill, decode, then aggregated engines, by GPU type, then by size."""
    notes: tuple[str, ...]
    """Rows and engines that were left out, and why."""
    options: FitOptions
    """Those given."""
    asked: "Asked | None"
    """Requests and SLO; None where none was given."""

    def doubts(self) -> list[str]:
        """GPU types that fleets do not know, and latencies that no hardware has."""
        return _doubts(self.fitted, self.options.kv_bytes_per_token)

    def replicas(self) -> "list[tuple[Engine, OperatingPoint]]":
        """What one replica of each engine serves; none where no SLO was given."""
        from heteroplan.profiles.capacity.replica import replica_at

        if self.asked is None:
            return []
        return [(each.engine, replica_at(each.engine, self.asked)) for each in self.fitted]

    def engines_frame(self) -> "DataFrame":
        """One row an engine: coefficients, ranges and errors, and what a replica serves."""
        from heteroplan.outputs.fit.frames import engines_frame

        return engines_frame(self.fitted, [point for _, point in self.replicas()])

    def points_frame(self) -> "DataFrame":
        """One row a measured setting: its latency beside the fit."""
        from heteroplan.outputs.fit.frames import points_frame

        return points_frame(self.fitted)

    def profile(self) -> str:
        """Text of profile.yaml, with what is left out of it as comments at its top.

        Raises UsageError without `model`, InputError where scenarios would refuse the file.
        """
        if self.options.model is None:
            raise UsageError("--out needs --model, the name that scenarios call the model by")
        return _profile(self.options.model, self.fitted, self.options)

    def page(self) -> str:
        """Text of fit.html: the measured points and the fits."""
        from heteroplan.outputs.fit.report import fit_html

        return fit_html(self.fitted)

    def write(self, folder: Name) -> None:
        """Write profile.yaml and fit.html: both or none. The folder is made.

        Raises UsageError and InputError, as `profile` does.
        """
        from heteroplan.outputs.shared.files import try_folder, write_all

        out = Path(folder)
        texts = {"profile.yaml": self.profile(), "fit.html": self.page()}
        try_folder(out)
        write_all({out / name: text for name, text in texts.items()})


@keywords(FitOptions)
def fit(files: Name | Iterable[Name], options: FitOptions) -> FitResult:
    """Coefficients, errors and ranges of every engine measured in `files`.

    With `source="aic"` there are no files, and the engine of `model`, `gpu` and `tp` is modelled.
    Keywords are the fields of `FitOptions`. Raises InputError where nothing can be fitted and for
    every problem of the files, UsageError where something is to be given.
    """
    from heteroplan.profiles.fitting.fitted import with_limits

    check_limits(options, limits.FIT)
    asked = _asked(options)
    measured = names(files)
    found = (
        _fitted_files(measured, options)
        if options.source is None
        else _modelled(measured, options.source, options)
    )
    decoding = [each.engine for each in found.fitted if each.engine.role is not Role.PREFILL]
    held = _kv_tokens(options.kv_tokens, [(engine.gpu, engine.gpus) for engine in decoding])
    fitted = with_limits(found.fitted, held, options.max_sequences, options.max_batch_tokens)
    return FitResult(tuple(fitted), found.skipped, options, asked)


def _shape(options: FitOptions) -> tuple[float, float] | None:
    """Input and output tokens of a request; None where neither is given. Raises UsageError."""
    isl, osl = options.isl, options.osl
    if (isl is None) != (osl is None):
        raise UsageError("--isl and --osl are given together or not at all")
    if isl is None or osl is None:
        return None
    if not all(1.0 <= tokens <= limits.MOST_TOKENS for tokens in (isl, osl)):
        raise UsageError(f"--isl and --osl must be between 1 and {limits.MOST_TOKENS:g} tokens")
    return isl, osl


def _asked(options: FitOptions) -> "Asked | None":
    """What a replica is asked for; None where no SLO is given. Raises UsageError for half of it."""
    from heteroplan.inputs.build import ASSUMED_CV
    from heteroplan.profiles.capacity.replica import Asked

    shape, ttft_ms, itl_ms = _shape(options), options.ttft_ms, options.itl_ms
    if not 0 < options.percentile < 1:
        raise UsageError(
            f"--percentile {options.percentile:g}: must lie between 0 and 1, such as 0.95"
        )
    if ttft_ms is None and itl_ms is None:
        return None
    given = {"--isl and --osl": shape, "--ttft-ms": ttft_ms, "--itl-ms": itl_ms}
    missing = [option for option, value in given.items() if value is None]
    if shape is None or ttft_ms is None or itl_ms is None:
        raise UsageError(f"what a replica serves also needs {', '.join(missing)}")
    requests = RequestClass("all", 1.0, *shape, isl_cv=ASSUMED_CV, osl_cv=ASSUMED_CV)
    return Asked(requests, Slo(ttft_ms, itl_ms, options.percentile))


def _within(options: FitOptions) -> "Within":
    from heteroplan.profiles.fitting.fit import Within

    def span(bounds: Bounds | None) -> Span | None:
        return bounds if bounds is None or isinstance(bounds, Span) else Span(*bounds)

    return Within(span(options.tokens), span(options.batch), span(options.context))


def _kv_tokens(
    given: int | Mapping[tuple[str, int] | None, int] | None, engines: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], int]:
    """KV cache of each engine (GPU type, GPUs); what names an engine wins.

    Raises UsageError for an engine that is not among `engines`.
    """
    known = list(dict.fromkeys(engines))
    named: Mapping[tuple[str, int] | None, int] = {}
    if given is not None:
        named = given if isinstance(given, Mapping) else {None: given}
    for engine in named:
        if engine is not None and engine not in known:
            there = ", ".join(f"{gpu}:{gpus}" for gpu, gpus in known) or "none"
            raise UsageError(f"--kv-tokens {engine[0]}:{engine[1]}: decode engines are {there}")
    tokens = {engine: named.get(engine, named.get(None)) for engine in known}
    return {engine: value for engine, value in tokens.items() if value is not None}


def _fitted_files(files: Sequence[str], options: FitOptions) -> "FitReport":
    """Fits of measurement files, all problems of all of them at once."""
    from heteroplan.profiles.fitting.report import Wanted
    from heteroplan.profiles.readers.file_measurements import Given
    from heteroplan.profiles.readers.read import read_models

    if not files:
        raise UsageError("name a file of measurements, or model them with --from aic")
    given = Given(options.gpu, options.tp, options.model, options.layers, options.context_tokens)
    readings: list[tuple[str, FileMeasurements]] = []
    problems: list[InputProblem] = []
    for file in files:
        try:
            read = read_models(Path(file), options.format, given, options.max_bytes)
            readings += [(file, reading) for reading in read]
        except InputError as error:
            problems += error.problems
    if not problems and options.model is not None:
        problems += _mixed(readings)
    if problems:
        raise InputError(problems)
    wanted = Wanted(given.gpu, given.gpus, _within(options), _shape(options))
    models = dict.fromkeys(each.model for _, each in readings)
    return fits_of(readings, wanted) if len(models) == 1 else _each_model(readings, models, wanted)


def _each_model(
    readings: "Sequence[tuple[str, FileMeasurements]]",
    models: "Iterable[str | None]",
    wanted: "Wanted",
) -> "FitReport":
    """Fits of each model by itself, whose name engines then have in theirs.

    Raises InputError where none can be fitted.
    """
    from heteroplan.profiles.fitting.fitted import named
    from heteroplan.profiles.fitting.report import FitReport

    fitted: list[Fitted] = []
    notes: list[str] = []
    problems: list[InputProblem] = []
    for model in models:
        mine = [(file, each) for file, each in readings if each.model == model]
        try:
            report = fits_of(mine, wanted)
        except InputError as error:
            problems += [replace(each, path=model or "") for each in error.problems]
            continue
        name = model or ""
        fitted += [replace(each, model=name) for each in report.fitted]
        notes += [f"{name}: {note}" if name else note for note in report.skipped]
    if not fitted:
        raise InputError(problems)
    return FitReport(tuple(named(fitted)), (*notes, *map(str, problems)))


def _mixed(readings: "Sequence[tuple[str, FileMeasurements]]") -> Iterator[InputProblem]:
    """A fit over two models would be of neither."""
    models: dict[tuple[str, int, Role], str] = {}
    for file, reading in readings:
        for engine in reading.engines:
            if reading.model and models.setdefault(engine, reading.model) != reading.model:
                other = models[engine]
                remedy = f"is of {reading.model}, another file of {other}; fit one at a time"
                yield InputProblem(file, 0, "", "", remedy)
                return


def _modelled(files: Sequence[str], source: str, options: FitOptions) -> "FitReport":
    """What AIConfigurator says of one engine. Raises UsageError."""
    from heteroplan.profiles.fitting.aic import modelled
    from heteroplan.profiles.fitting.report import Wanted

    tool, _, backend = source.partition(":")
    model, gpu, gpus = options.model, options.gpu, options.tp
    asked = {"--model": model, "--gpu": gpu, "--tp": gpus}
    missing = [option for option, value in asked.items() if value is None]
    if tool != AIC or source.endswith(":"):
        raise UsageError(f"--from {source}: must be {AIC}, or {AIC}:BACKEND such as {AIC}:sglang")
    if files:
        raise UsageError(f"--from {source} takes no measurement files; leave out {files[0]}")
    if model is None or gpu is None or gpus is None:
        raise UsageError(f"--from {source} needs {', '.join(missing)}")
    reading = modelled(model, gpu, gpus, **({"backend": backend} if backend else {}))
    return fits_of([(reading.origin, reading)], Wanted(within=_within(options)))


def fits_of(readings: "Sequence[tuple[str, FileMeasurements]]", wanted: "Wanted") -> "FitReport":
    """Fits of what was read, each reading with the name of its file, and what was left out.

    Raises InputError where that is all.
    """
    from heteroplan.profiles.fitting.report import FitReport, fit_all
    from heteroplan.profiles.readers.measurement_file import listed_names

    report = fit_all([(Path(file).name, each) for file, each in readings], wanted)
    notes = tuple(note for _, reading in readings for note in reading.notes)
    if not report.fitted:
        measured = {f"{gpu} x{gpus}" for _, each in readings for gpu, gpus, _ in each.engines}
        left_out = f" ({'; '.join(notes)})" if notes else ""
        nothing = f"nothing to fit; measured are {listed_names(measured)}{left_out}"
        files = ", ".join(file for file, _ in readings)
        reasons = report.skipped or (nothing,)
        raise InputError(InputProblem(files, 0, "", "", why) for why in reasons)
    return FitReport(report.fitted, notes + report.skipped)


def _doubts(fitted: "Sequence[Fitted]", kv_bytes_per_token: float | None) -> list[str]:
    from heteroplan.inputs.gpu_types import built_in
    from heteroplan.profiles.fitting.plausibility import faster_than_memory, unknown_gpu

    types = built_in()
    unknown = sorted({each.engine.gpu for each in fitted} - set(types))
    return [
        *(unknown_gpu(gpu, types) for gpu in unknown),
        *(
            doubt
            for each in fitted
            if each.engine.gpu in types
            and (
                doubt := faster_than_memory(each.engine, types[each.engine.gpu], kv_bytes_per_token)
            )
        ),
    ]


def _profile(model: str, fitted: "Sequence[Fitted]", options: FitOptions) -> str:
    from heteroplan.inputs.checks.schema_problems import checked
    from heteroplan.inputs.schemas.profile import ProfileFile
    from heteroplan.profiles.fitting.profile_file import profile_yaml
    from heteroplan.reading.yaml_source import parse_document

    text = profile_yaml(
        model,
        [each.engine for each in fitted],
        kv_bytes_per_token=options.kv_bytes_per_token,
        startup_s=options.startup_s,
        drain_s=options.drain_s,
    )
    document, problems = parse_document(text, NOT_WRITTEN)
    checked(document, ProfileFile, problems)
    if problems:
        raise InputError(problems)
    return text
