"""AIBrix's GPU-optimizer profile: requests/s of one replica at its SLO, by output and input length.

`tputs[i][j]` belongs to `indexes[0][i]` output and `indexes[1][j]` input tokens; 0.0 where no rate
that was tried met the SLO. The highest rate tried bounds the others, so that they are least
figures. `gpu` names a deployment and no GPU type. vllm-project/aibrix (Apache-2.0),
python/aibrix/aibrix/gpu_optimizer/optimizer/profiling/gen_profile.py.
"""

from pydantic import BaseModel, Field, TypeAdapter

from heteroplan.profiles.measurement import Rated
from heteroplan.profiles.readers.document import Amount, MeasurementDocument, Positive
from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given
from heteroplan.profiles.readers.measurement_format import MeasurementFormat

NAMES = ("gpu", "cost", "tputs", "indexes", "created", "e2e", "slos")


class _Profile(BaseModel):
    gpu: str
    tputs: list[list[Amount]]
    indexes: tuple[list[Positive], list[Positive]]
    slos: dict[str, float | None] = Field(default_factory=dict)


SHAPE = TypeAdapter(_Profile)


def parse(document: MeasurementDocument, given: Given) -> FileMeasurements:
    """One rated capacity a cell. Raises InputError with every problem."""
    found = document.fitting(SHAPE)
    gpu, gpus = given.engine_of(document)
    outputs, inputs = found.indexes
    for i, lengths in enumerate(found.indexes):
        if not lengths or len(set(lengths)) < len(lengths):
            remedy = "must be request lengths, none of them twice"
            document.problem(0, f"indexes.{i}", str(lengths), remedy)
    if [len(row) for row in found.tputs] != [len(inputs)] * len(outputs):
        remedy = f"must be {len(outputs)} rows of {len(inputs)}, [output][input]"
        document.problem(0, "tputs", f"{len(found.tputs)} rows", remedy)
    document.done()
    rated = tuple(
        Rated(gpu, gpus, isl, osl, rate)
        for osl, row in zip(outputs, found.tputs, strict=True)
        for isl, rate in zip(inputs, row, strict=True)
    )
    missed = sum(each.capacity_rps == 0.0 for each in rated)
    slo = ", ".join(f"{name} {value:g}" for name, value in found.slos.items() if value is not None)
    notes = [f"{document.file} is rated at its own SLO, not yours: {slo or 'not stated'} (s)"]
    if missed:
        notes.append(f"{missed} request shapes of {document.file} miss that SLO at any rate")
    return FileMeasurements(notes=tuple(notes), rated=rated)


FORMAT = MeasurementFormat(NAMES, (MeasurementDocument,), parse)
