"""One module per measurement format: recognises a file and reads its measurements.

`FORMATS` is the registry, which knows the modules by name alone.
"""

from typing import TYPE_CHECKING

from heteroplan.reading.formats import Formats

if TYPE_CHECKING:
    from heteroplan.profiles.readers.measurement_format import MeasurementFormat

FORMATS: "Formats[MeasurementFormat]" = Formats(
    "measurement",
    __name__,
    {
        "heteroplan": "own",
        "splitwise": "splitwise",
        "dynamo": "dynamo",
        "infera": "infera",
        "distserve": "distserve",
        "aiconfigurator": "aiconfigurator",
        "helix": "helix",
        "silicon": "silicon",
        "vllm": "vllm",
        "aiperf": "aiperf",
        "inference-perf": "inference_perf",
        "llm-d": "llmd",
        "aibrix": "aibrix",
    },
)
