"""inference-perf's `stage_N_lifecycle_metrics.json`: one stage of load, in seconds.

Its `time_per_output_token` and `inter_token_latency` are means over stream chunks, several of which
come at once, about half of what a token takes; TPOT is therefore what is left of the request's
latency after the first token, by the tokens that follow. kubernetes-sigs/inference-perf
(Apache-2.0), inference_perf/reportgen/base.py.
"""

from pydantic import BaseModel, TypeAdapter

from heteroplan.profiles.measurement import Run
from heteroplan.profiles.readers import runs
from heteroplan.profiles.readers.document import MeasurementDocument, Positive, Whole
from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given
from heteroplan.profiles.readers.measurement_format import MeasurementFormat
from heteroplan.units import MS_PER_S

NAMES = (
    "load_summary",
    "successes",
    "failures",
    "latency",
    "throughput",
    "requested_rate",
    "achieved_rate",
    "output_len",
)


class _Mean(BaseModel):
    mean: Positive


class _Latency(BaseModel):
    request_latency: _Mean
    time_to_first_token: _Mean | None = None


class _Throughput(BaseModel):
    requests_per_sec: Positive


class _Successes(BaseModel):
    latency: _Latency
    throughput: _Throughput
    output_len: _Mean
    prompt_len: _Mean | None = None
    prompt_tokens: _Mean | None = None


class _Failures(BaseModel):
    count: Whole


class _Load(BaseModel):
    requested_rate: float | None = None
    concurrency: float | None = None


class _Stage(BaseModel):
    load_summary: _Load
    successes: _Successes
    failures: _Failures


SHAPE = TypeAdapter(_Stage)


def parse(document: MeasurementDocument, given: Given) -> FileMeasurements:
    """One run. Raises InputError with every problem."""
    stage = document.fitting(SHAPE)
    gpu, gpus = given.engine_of(document)
    load, answered = stage.load_summary, stage.successes
    if load.requested_rate is None and load.concurrency is None:
        remedy = "mixes all stages: give the stage_N_lifecycle_metrics.json files"
        document.problem(0, "load_summary", "", remedy)
    prompts = answered.prompt_len or answered.prompt_tokens
    if prompts is None:
        document.problem(0, "successes.prompt_len", "", "is missing (or prompt_tokens)")
    first = answered.latency.time_to_first_token
    whole_s, osl = answered.latency.request_latency.mean, answered.output_len.mean
    ttft_s = first.mean if first else whole_s
    if osl <= 1 or whole_s <= ttft_s:
        remedy = "no time is left after the first token: was streaming on?"
        document.problem(0, "successes.latency", "", remedy)
    document.done()
    run = Run(
        gpu=gpu,
        gpus=gpus,
        isl=prompts.mean if prompts else 0.0,
        osl=osl,
        concurrency=answered.throughput.requests_per_sec * whole_s,
        ttft_ms=ttft_s * MS_PER_S,
        tpot_ms=(whole_s - ttft_s) / (osl - 1.0) * MS_PER_S,
    )
    return runs.reading([run], failed=stage.failures.count)


FORMAT = MeasurementFormat(NAMES, (MeasurementDocument,), parse)
