"""What an engine logged of its requests, a line each, and how far a simulation is from it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypedDict

import numpy as np
from pydantic import TypeAdapter

from heteroplan.errors import InputError, InputProblem
from heteroplan.profiles.readers.document import Count, Finite, MeasurementDocument
from heteroplan.profiles.readers.files import open_measurements
from heteroplan.reading.input_size import MOST_MEASURED_BYTES
from heteroplan.simulation.requests import Floats, Integers


class _Entry(TypedDict):
    """A line; what else stands there is not read. All times are of one clock [s]."""

    input_toks: Count
    output_toks: Count
    queued_ts: Finite
    first_token_ts: Finite
    last_token_ts: Finite


_ENTRY = TypeAdapter(_Entry)


@dataclass(frozen=True, slots=True)
class RequestLog:
    """Requests of one replica by their arrival; arrays [request], times since the first one [s]."""

    arrival_s: Floats
    """When the engine had them in its queue: what an API server takes before is not in it."""
    isl: Integers
    osl: Integers
    first_token_s: Floats
    last_token_s: Floats

    def __len__(self) -> int:
        return len(self.arrival_s)

    @property
    def ttft_s(self) -> Floats:
        """From queue to first token [s]."""
        return self.first_token_s - self.arrival_s

    @property
    def tpot_s(self) -> Floats:
        """Mean time between tokens [s]; 0 of requests of one token."""
        return (self.last_token_s - self.first_token_s) / np.maximum(1, self.osl - 1)

    @property
    def e2e_s(self) -> Floats:
        """From queue to last token [s]."""
        return self.last_token_s - self.arrival_s

    def part(self, start: int, stop: int) -> Self:
        """The requests from `start` on, before `stop`."""
        of = slice(start, stop)
        return type(self)(
            self.arrival_s[of],
            self.isl[of],
            self.osl[of],
            self.first_token_s[of],
            self.last_token_s[of],
        )


@dataclass(frozen=True, slots=True)
class LatencyErrors:
    """Of a simulated latency against the measured one, as shares of the measured figure."""

    mean: float
    """Of the mean; positive where the simulation is slower."""
    p95: float
    """Of the 95th percentile."""
    request: float
    """Mean absolute error of single requests, over the measured mean."""


def latency_errors(measured: Floats, simulated: Floats) -> LatencyErrors:
    """Errors of one latency of the same requests; arrays [request]."""
    mean, p95 = float(measured.mean()), float(np.quantile(measured, 0.95))
    return LatencyErrors(
        mean=float(simulated.mean()) / mean - 1.0,
        p95=float(np.quantile(simulated, 0.95)) / p95 - 1.0,
        request=float(np.abs(simulated - measured).mean()) / mean,
    )


def read_request_log(path: Path, most_bytes: int = MOST_MEASURED_BYTES) -> RequestLog:
    """A log as JSON lines (gzip and zstd are unpacked), in any order.

    A line tells `input_toks`, `output_toks`, `queued_ts`, `first_token_ts` and `last_token_ts`, as
    vLLM's statistics of finished requests do. Raises InputError with the problems of the file.
    """
    found, _ = open_measurements(path, most_bytes)
    if not isinstance(found, MeasurementDocument):
        raise InputError(
            [InputProblem(found.file, 0, "", "", "is no JSON; write a request a line")]
        )
    entries = found.fitting_each(_ENTRY)
    for number, entry in enumerate(entries):
        if not entry["queued_ts"] <= entry["first_token_ts"] <= entry["last_token_ts"]:
            remedy = "must be in the order queued_ts, first_token_ts, last_token_ts"
            found.problem(0, f"{number}", "", remedy)
    found.done()
    return _log(sorted(entries, key=lambda entry: entry["queued_ts"]))


def _log(entries: list[_Entry]) -> RequestLog:
    queued = np.array([entry["queued_ts"] for entry in entries])
    return RequestLog(
        arrival_s=queued - queued[0],
        isl=np.array([entry["input_toks"] for entry in entries]),
        osl=np.array([entry["output_toks"] for entry in entries]),
        first_token_s=np.array([entry["first_token_ts"] for entry in entries]) - queued[0],
        last_token_s=np.array([entry["last_token_ts"] for entry in entries]) - queued[0],
    )
