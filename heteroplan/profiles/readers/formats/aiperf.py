"""`profile_export_{aiperf,genai_perf}.json` of AIPerf (schema 1.x) and of genai-perf.

Every metric is a block `{unit, avg, ...}`; `inter_token_latency` is a mean of each request, a TPOT.
GPU names are there where telemetry was on, the number of GPUs never. ai-dynamo/aiperf
(Apache-2.0).
"""

from pydantic import BaseModel, Field, TypeAdapter

from heteroplan.profiles.measurement import Run
from heteroplan.profiles.readers import runs
from heteroplan.profiles.readers.document import MeasurementDocument, Positive, Whole
from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given
from heteroplan.profiles.readers.gpu_names import gpu_type
from heteroplan.profiles.readers.measurement_format import MeasurementFormat
from heteroplan.units import MS_PER_S

NAMES = (
    "time_to_first_token",
    "inter_token_latency",
    "input_sequence_length",
    "output_sequence_length",
    "request_throughput",
    "request_latency",
    "output_token_throughput",
)
UNITS_MS = {"ms": 1.0, "s": MS_PER_S, "sec": MS_PER_S, "us": 1e-3, "ns": 1e-6}


class _Metric(BaseModel):
    unit: str
    avg: Positive


class _Gpu(BaseModel):
    gpu_name: str | None = None


class _Endpoint(BaseModel):
    gpus: dict[str, _Gpu] = Field(default_factory=dict)


class _Telemetry(BaseModel):
    endpoints: dict[str, _Endpoint] = Field(default_factory=dict)


class _Failure(BaseModel):
    count: Whole = 0


class _Export(BaseModel):
    time_to_first_token: _Metric
    inter_token_latency: _Metric
    input_sequence_length: _Metric
    output_sequence_length: _Metric
    request_throughput: _Metric
    was_cancelled: bool | None = None
    is_complete: bool | None = None
    error_summary: list[_Failure] | None = None
    telemetry_data: _Telemetry | None = None

    @property
    def gpu_names(self) -> set[str]:
        """Names of every GPU that was watched."""
        endpoints = self.telemetry_data.endpoints.values() if self.telemetry_data else ()
        names = {gpu.gpu_name for endpoint in endpoints for gpu in endpoint.gpus.values()}
        return {name for name in names if name}


SHAPE = TypeAdapter(_Export)


def parse(document: MeasurementDocument, given: Given) -> FileMeasurements:
    """One run. Raises InputError with every problem."""
    found = document.fitting(SHAPE)
    names = found.gpu_names
    gpu, gpus = given.engine_of(document, gpu_type(*names) if len(names) == 1 else None)
    ttft_ms = _ms(document, "time_to_first_token", found.time_to_first_token)
    tpot_ms = _ms(document, "inter_token_latency", found.inter_token_latency)
    osl = found.output_sequence_length.avg
    if osl <= 1:
        document.problem(0, "output_sequence_length.avg", f"{osl:g}", "must be above 1 token")
    document.done()
    run = Run(
        gpu=gpu,
        gpus=gpus,
        isl=found.input_sequence_length.avg,
        osl=osl,
        concurrency=runs.in_flight(found.request_throughput.avg, ttft_ms, tpot_ms, osl),
        ttft_ms=ttft_ms,
        tpot_ms=tpot_ms,
    )
    broken = found.was_cancelled or found.is_complete is False
    notes = [f"{document.file} is of a run that was cancelled or did not finish"] if broken else []
    failed = sum(each.count for each in found.error_summary or ())
    return runs.reading([run], notes, failed=failed)


def _ms(document: MeasurementDocument, name: str, metric: _Metric) -> float:
    if metric.unit not in UNITS_MS:
        document.problem(0, f"{name}.unit", metric.unit, f"must be one of {', '.join(UNITS_MS)}")
    return metric.avg * UNITS_MS.get(metric.unit, 1.0)


FORMAT = MeasurementFormat(NAMES, (MeasurementDocument,), parse)
