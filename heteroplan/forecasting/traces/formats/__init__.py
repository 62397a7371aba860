"""One module per trace format: recognises a file and reads its requests or counts.

`FORMATS` is the registry, which knows the modules by name alone. `counters` and `server_counters`
are shared by the metrics of servers that Prometheus keeps.
"""

from typing import TYPE_CHECKING

from heteroplan.reading.formats import Formats

if TYPE_CHECKING:
    from heteroplan.forecasting.traces.trace_format import TraceFormat

FORMATS: "Formats[TraceFormat]" = Formats(
    "trace",
    __name__,
    {
        "azure": "azure",
        "vidur": "vidur",
        "mooncake": "mooncake",
        "bailian": "bailian",
        "ragpulse": "ragpulse",
        "dynamo": "dynamo",
        "servegen": "servegen",
        "prometheus": "prometheus",
        "heteroplan": "own",
        "table": "table",
    },
)
