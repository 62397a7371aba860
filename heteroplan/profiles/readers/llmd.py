"""llm-d-benchmark's report, v0.2 and v0.2.1, as YAML or JSON.

Units stand beside every figure and differ by the tool behind the report. The stack names
accelerators, their parallelism and replicas; reports without a cluster have a model of "" and a
count of 0 there, which is asked for then. llm-d/llm-d-benchmark (Apache-2.0),
benchmark-report/llmd_benchmark_report/schema_v0_2.py.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter

from heteroplan.profiles.measurement import Run
from heteroplan.profiles.readers import runs
from heteroplan.profiles.readers.document import Document, Positive
from heteroplan.profiles.readers.gpu_names import gpu_type
from heteroplan.profiles.readers.reading import Given, Reading
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
    failures: int | None = None
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
    tp: int = 1
    pp: int = 1
    dp_local: int = 1


class _Accelerator(BaseModel):
    model: str = ""
    count: int = 0
    parallelism: _Parallelism = _Parallelism()

    @property
    def gpus(self) -> int | None:
        """GPUs a replica; None where the report does not know."""
        each = self.parallelism
        return max(self.count, each.tp * each.pp * each.dp_local) if self.count else None


class _Model(BaseModel):
    name: str = ""


class _Standardized(BaseModel):
    kind: str
    role: Literal["replica", "prefill", "decode"] | None = None
    replicas: Annotated[int, Field(ge=1)] = 1
    accelerator: _Accelerator = _Accelerator()
    model: _Model = _Model()


class _Component(BaseModel):
    standardized: _Standardized


class _Scenario(BaseModel):
    stack: list[_Component] = Field(default_factory=list)


class _Report(BaseModel):
    version: Literal["0.2", "0.2.1"]
    scenario: _Scenario = _Scenario()
    results: _Results


SHAPE = TypeAdapter(_Report)


def parse(document: Document, given: Given) -> Reading:
    """One run. Raises InputError with every problem."""
    report = document.fitting(SHAPE)
    stack = [each.standardized for each in report.scenario.stack]
    engines = [each for each in stack if each.kind == "inference_engine"]
    prefill = next((each for each in engines if each.role == "prefill"), None)
    others = [each for each in engines if each.role != "prefill"]
    if len(others) > 1 or len(engines) - len(others) > 1:
        document.problem(0, "scenario.stack", "", "more than one engine of a role; keep one")
    engine = others[0] if others else _Standardized(kind="inference_engine")
    named = given.or_else(gpu_type(engine.accelerator.model), engine.accelerator.gpus)
    gpu, gpus = named.engine_of(document)
    found = report.results.request_performance.aggregate
    osl, ttft_ms = found.requests.output_length.mean, found.latency.time_to_first_token.ms
    tpot_ms = _tpot_ms(document, found.latency, ttft_ms, osl)
    document.done()
    run = Run(
        gpu=gpu,
        gpus=gpus,
        isl=found.requests.input_length.mean,
        osl=osl,
        concurrency=found.throughput.request_rate.mean * (ttft_ms + tpot_ms * (osl - 1)) / MS_PER_S,
        ttft_ms=ttft_ms,
        tpot_ms=tpot_ms,
        replicas=engine.replicas,
        prefill_gpus=(prefill.accelerator.gpus or gpus) if prefill else None,
        prefill_replicas=prefill.replicas if prefill else 1,
    )
    model = engine.model.name or None
    return runs.reading([run], failed=found.requests.failures or 0, model=model)


def _tpot_ms(document: Document, latency: _Latency, ttft_ms: float, osl: float) -> float:
    """As stated, or what is left of the request after its first token."""
    stated, whole = latency.time_per_output_token, latency.request_latency
    if stated is not None and osl > 1:
        return stated.ms
    if whole is not None and osl > 1 and whole.ms > ttft_ms:
        return (whole.ms - ttft_ms) / (osl - 1.0)
    path = "results.request_performance.aggregate.latency"
    document.problem(0, path, "", "gives no time of a token after the first")
    return 1.0
