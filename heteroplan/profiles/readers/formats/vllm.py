"""`vllm bench serve --save-result` (one JSON object) and `--append-result` (JSON lines).

Times are milliseconds, lengths are sums over the requests that were answered. SGLang's
`bench_serving` writes the names used here with the same meaning. Neither says on what the engine
ran, but `--metadata gpu=... tensor_parallel_size=...` may have been given. vLLM,
vllm/benchmarks/serve.py (Apache-2.0).
"""

import re

from pydantic import BaseModel, TypeAdapter

from heteroplan.profiles.measurement import Run
from heteroplan.profiles.readers import runs
from heteroplan.profiles.readers.document import Amount, MeasurementDocument, Whole
from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given
from heteroplan.profiles.readers.gpu_names import gpu_type
from heteroplan.profiles.readers.measurement_format import MeasurementFormat

NAMES = (
    "completed",
    "total_input_tokens",
    "total_output_tokens",
    "request_throughput",
    "mean_ttft_ms",
    "mean_tpot_ms",
    "max_concurrency",
    "num_prompts",
)


class _Result(BaseModel):
    completed: Whole
    total_input_tokens: Whole
    total_output_tokens: Whole
    request_throughput: Amount
    mean_ttft_ms: Amount
    mean_tpot_ms: Amount
    num_prompts: Whole | str | None = None
    failed: Whole | None = None
    model_id: str | None = None
    gpu: str | None = None
    tensor_parallel_size: Whole | str | None = None

    @property
    def decodes(self) -> bool:
        """Whether requests were answered with more than one token each."""
        return self.total_output_tokens > self.completed > 0 < self.mean_tpot_ms

    @property
    def gpus(self) -> int | None:
        """Of the replica; None where nobody gave a number."""
        found = re.fullmatch("[1-9][0-9]{0,4}", str(self.tensor_parallel_size))
        return int(found[0]) if found else None

    @property
    def unanswered(self) -> int:
        """Requests that failed; older versions do not count them."""
        if self.failed is not None:
            return self.failed
        asked = self.num_prompts if isinstance(self.num_prompts, int) else self.completed
        return max(0, asked - self.completed)


SHAPE = TypeAdapter(_Result)


def parse(document: MeasurementDocument, given: Given) -> FileMeasurements:
    """One run a result. Raises InputError with every problem."""
    many = isinstance(document.content, list)
    results = document.fitting_each(SHAPE) if many else [document.fitting(SHAPE)]
    model = given.model_of(document, {each.model_id for each in results if each.model_id} or {""})
    numbered = [(f"{i}." if many else "", each) for i, each in enumerate(results)]
    mine = [(path, each) for path, each in numbered if each.model_id in (None, "", model)]
    found = [_run(document, given, path, each) for path, each in mine if each.decodes]
    if not results:
        document.problem(0, "", "", "holds no results")
    document.done()
    notes = []
    if len(found) < len(mine):
        count = len(mine) - len(found)
        notes.append(
            f"left out {count} runs of {document.file} without output, or with one token each"
        )
    failed = sum(each.unanswered for _, each in mine)
    return runs.reading(found, notes, failed=failed, model=model or None)


def _run(document: MeasurementDocument, given: Given, path: str, result: _Result) -> Run:
    named = result.gpu and (gpu_type(result.gpu) or (None if given.gpu else result.gpu))
    gpu, gpus = given.engine_of(document, named or None, result.gpus)
    for name in ("total_input_tokens", "request_throughput", "mean_ttft_ms", "mean_tpot_ms"):
        value = getattr(result, name)
        document.measured(0, f"{path}{name}", value, f"{value:g}")
    osl = result.total_output_tokens / result.completed
    return Run(
        gpu=gpu,
        gpus=gpus,
        isl=result.total_input_tokens / result.completed,
        osl=osl,
        concurrency=runs.in_flight(
            result.request_throughput, result.mean_ttft_ms, result.mean_tpot_ms, osl
        ),
        ttft_ms=result.mean_ttft_ms,
        tpot_ms=result.mean_tpot_ms,
    )


FORMAT = MeasurementFormat(NAMES, (MeasurementDocument,), parse)
