"""llm-d-benchmark's report, v0.2 and v0.2.1, as YAML or JSON.

Units stand beside every figure and differ by the tool behind the report. So does what is called a
time per output token (see `inference_perf`): what is left of a request after its first token goes
before it. The stack names accelerators, their parallelism and replicas; reports without a cluster
have a model of "" and a count of 0 there, which is asked for then. llm-d/llm-d-benchmark
(Apache-2.0), benchmark-report/llmd_benchmark_report/schema_v0_2.py.
"""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter

from heteroplan.profiles.measurement import Run
from heteroplan.profiles.readers import runs
from heteroplan.profiles.readers.document import Json, MeasurementDocument, Positive, Whole
from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given
from heteroplan.profiles.readers.gpu_names import gpu_type
from heteroplan.profiles.readers.measurement_format import MeasurementFormat
from heteroplan.units import MS_PER_S

NAMES = (
    "version",
    "run",
    "scenario",
    "stack",
    "load",
    "results",
    "request_performance",
    "aggregate",
)
KIND: Final = "inference_engine"
UNITS_MS = {"ms": 1.0, "s": MS_PER_S, "ms/token": 1.0, "s/token": MS_PER_S}


class _Time(BaseModel):
    units: Literal["ms", "s", "ms/token", "s/token"]
    mean: Positive

    @property
    def ms(self) -> float:
        """[ms]."""
        return self.mean * UNITS_MS[self.units]


class _Mean(BaseModel):
    mean: Positive


class _Requests(BaseModel):
    failures: Whole | None = None
    input_length: _Mean
    output_length: _Mean


class _Latency(BaseModel):
    time_to_first_token: _Time
    time_per_output_token: _Time | None = None
    request_latency: _Time | None = None


class _Throughput(BaseModel):
    request_rate: _Mean


class _Aggregate(BaseModel):
    requests: _Requests
    latency: _Latency
    throughput: _Throughput


class _Performance(BaseModel):
    aggregate: _Aggregate


class _Results(BaseModel):
    request_performance: _Performance


class _Parallelism(BaseModel):
    tp: Whole = 1
    pp: Whole = 1
    dp: Whole = 1
    dp_local: Whole = 1
    workers: Whole = 1


class _Accelerator(BaseModel):
    model: str = ""
    count: Whole = 0
    parallelism: _Parallelism = _Parallelism()


class _Model(BaseModel):
    name: str = ""


class _Engine(BaseModel):
    kind: Literal["inference_engine"]
    role: Literal["replica", "prefill", "decode"] = "replica"
    replicas: Annotated[Whole, Field(ge=1)]
    accelerator: _Accelerator = _Accelerator()
    model: _Model = _Model()

    @property
    def gpus(self) -> int | None:
        """GPUs a replica; None where the report does not know or its figures do not agree.

        The count is that of a worker of the replica, of the replica or of all of them.
        """
        sizes, count = self.accelerator.parallelism, self.accelerator.count
        each = sizes.tp * sizes.pp
        worker, whole = each * sizes.dp_local, each * max(sizes.dp, sizes.dp_local)
        agree = whole in (worker, worker * sizes.workers)
        counted = count > 0 and count in (worker, whole, whole * self.replicas)
        return whole if agree and counted else None


def _engine(standardized: Json) -> Json:
    """None for what is no engine, of which anything may be said."""
    kind = standardized.get("kind") if isinstance(standardized, dict) else None
    return None if isinstance(kind, str) and kind != KIND else standardized


class _Component(BaseModel):
    standardized: Annotated[_Engine | None, BeforeValidator(_engine)]


class _LoadMetadata(BaseModel):
    concurrent_with: list[str] | None = None


class _Load(BaseModel):
    metadata: _LoadMetadata = _LoadMetadata()


class _Scenario(BaseModel):
    stack: list[_Component] = Field(default_factory=list)
    load: _Load = _Load()


class _Report(BaseModel):
    version: Literal["0.2", "0.2.1"]
    scenario: _Scenario = _Scenario()
    results: _Results


SHAPE = TypeAdapter(_Report)


def parse(document: MeasurementDocument, given: Given) -> FileMeasurements:
    """One run. Raises InputError with every problem."""
    report = document.fitting(SHAPE)
    engine, prefill = _engines(document, report.scenario.stack)
    gpu, gpus = given.engine_of(document, gpu_type(engine.accelerator.model), engine.gpus)
    if others := report.scenario.load.metadata.concurrent_with:
        path = "scenario.load.metadata.concurrent_with"
        remedy = "shared the engine, whose load was more than this; measure one load at a time"
        document.problem(0, path, ", ".join(others), remedy)
    found = report.results.request_performance.aggregate
    osl, ttft_ms = found.requests.output_length.mean, found.latency.time_to_first_token.ms
    tpot_ms = _tpot_ms(document, found.latency, ttft_ms, osl)
    document.done()
    run = Run(
        gpu=gpu,
        gpus=gpus,
        isl=found.requests.input_length.mean,
        osl=osl,
        concurrency=runs.in_flight(found.throughput.request_rate.mean, ttft_ms, tpot_ms, osl),
        ttft_ms=ttft_ms,
        tpot_ms=tpot_ms,
        replicas=engine.replicas,
        prefill_gpus=prefill.gpus if prefill else None,
        prefill_replicas=prefill.replicas if prefill else 1,
    )
    model = engine.model.name or None
    return runs.reading([run], failed=found.requests.failures or 0, model=model)


def _engines(
    document: MeasurementDocument, stack: list[_Component]
) -> tuple[_Engine, _Engine | None]:
    """The aggregated or decode engine, and the prefill engine; problems are noted."""
    engines = [each.standardized for each in stack if each.standardized]
    prefills = [each for each in engines if each.role == "prefill"]
    others = [each for each in engines if each.role != "prefill"]
    path = "scenario.stack"
    if len(others) > 1 or len(prefills) > 1:
        document.problem(0, path, "", "more than one engine of a role; keep one")
    engine = others[0] if others else _Engine(kind=KIND, replicas=1)
    if not prefills:
        return engine, None
    prefill = prefills[0]
    if not others or prefill.accelerator.model != engine.accelerator.model:
        models = f"{prefill.accelerator.model}, {engine.accelerator.model}"
        remedy = "prefill and decode must both be there, on one GPU type"
        document.problem(0, path, models, remedy)
    if prefill.gpus is None:
        remedy = "count of prefill does not say how many GPUs a replica has, tp * pp * dp"
        document.problem(0, path, str(prefill.accelerator.count), remedy)
    return engine, prefill


def _tpot_ms(document: MeasurementDocument, latency: _Latency, ttft_ms: float, osl: float) -> float:
    """What is left of the request after its first token, or as stated."""
    stated, whole = latency.time_per_output_token, latency.request_latency
    if whole is not None and osl > 1 and whole.ms > ttft_ms:
        return (whole.ms - ttft_ms) / (osl - 1.0)
    if stated is not None and osl > 1:
        return stated.ms
    path = "results.request_performance.aggregate.latency"
    document.problem(0, path, "", "gives no time per token after the first")
    return 1.0


FORMAT = MeasurementFormat(NAMES, (MeasurementDocument,), parse)
