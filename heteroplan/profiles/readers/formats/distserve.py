"""DistServe's latency coefficients by model and tensor parallelism (Zhong et al., OSDI 2024).

    prefill [ms] = a + b * sum(n) + c * sum(n^2)                 (n: tokens a prompt)
    decode  [ms] = a + b * batch * context + c * batch

with other decode coefficients from `decoding_large_small_bs_threshold` sequences on. These are
another tool's fit and no points, so that what is read is computed at `PROMPTS` and at `BATCHES` x
`CONTEXTS`, and is called modelled. The GPU type is not in the file.
"""

from typing import Annotated

from pydantic import BaseModel, Field, TypeAdapter

from heteroplan.entities.workload import Role, SourceKind
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.document import Finite, MeasurementDocument
from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given
from heteroplan.profiles.readers.measurement_file import LEAST
from heteroplan.profiles.readers.measurement_format import MeasurementFormat

NAMES = (
    "prefill",
    "decoding_smallbs",
    "decoding_largebs",
    "decoding_large_small_bs_threshold",
)
PROMPTS = (128.0, 256.0, 512.0, 1024.0, 2048.0)
"""Tokens; OPT, whose coefficients DistServe publishes, takes no more."""
BATCHES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
CONTEXTS = (256.0, 512.0, 1024.0, 2048.0)

type Triple = tuple[Finite, Finite, Finite]


class _Engine(BaseModel):
    prefill: Triple
    decoding_smallbs: Triple
    decoding_largebs: Triple
    decoding_large_small_bs_threshold: Finite

    def prefill_ms(self, tokens: float) -> float:
        a, b, c = self.prefill
        return a + b * tokens + c * tokens**2

    def decode_ms(self, batch: float, context: float) -> float:
        small = batch < self.decoding_large_small_bs_threshold
        a, b, c = self.decoding_smallbs if small else self.decoding_largebs
        return a + b * batch * context + c * batch


type Gpus = Annotated[str, Field(pattern="^[1-9][0-9]{0,4}$")]
SHAPE = TypeAdapter(dict[str, dict[Gpus, _Engine]])


def parse(document: MeasurementDocument, given: Given) -> FileMeasurements:
    """What the coefficients say of every size of one model. Raises InputError."""
    by_model = document.fitting(SHAPE)
    model, gpu = given.model_of(document, by_model), given.gpu_of(document)
    document.done()
    engines = by_model[model].items()
    points = [point for gpus, engine in engines for point in _points(gpu, int(gpus), engine)]
    if any(point.latency_ms < LEAST for point in points):
        document.problem(0, model, "", "gives latencies of 0 ms and less")
        document.done()
    note = f"{document.file} holds coefficients and no measurements: they are used as they are"
    return FileMeasurements(tuple(points), (note,), model=model)


def _points(gpu: str, gpus: int, engine: _Engine) -> list[Measurement]:
    modelled = SourceKind.MODELLED
    prefill = [
        Measurement(gpu, gpus, Role.PREFILL, 1.0, n, 0.0, engine.prefill_ms(n), modelled)
        for n in PROMPTS
    ]
    decode = [
        Measurement(gpu, gpus, Role.DECODE, batch, 1.0, n, engine.decode_ms(batch, n), modelled)
        for batch in BATCHES
        for n in CONTEXTS
    ]
    return prefill + decode


FORMAT = MeasurementFormat(NAMES, (MeasurementDocument,), parse)
