"""Two runs of vLLM beside the simulator: `python -m tests.benchmarks.real_engines`.

By hand; a minute. Coefficients are fitted to the first half of the requests, errors are of the
second half. One run each: nobody can say how much another run of the same engine would differ.
"""

import numpy as np

from heteroplan.simulation.engine_fit import fitted_engine, replayed
from heteroplan.simulation.request_log import RequestLog, latency_errors
from heteroplan.units import MS_PER_S
from tests.benchmarks.markdown import header, row
from tests.simulation.real_runs import RUNS, RealRun


def latencies_s(log: RequestLog) -> dict[str, np.ndarray]:
    return {"TTFT": log.ttft_s, "TPOT": log.tpot_s, "end-to-end": log.e2e_s}


def signed(share: float) -> str:
    return f"{share * 100:+.1f} %"


def table() -> None:
    """Errors of each latency, beside those that LLMServingSim published."""
    header(
        "Two runs of vLLM 0.19, the second half predicted from the first",
        "One run each, 300 ShareGPT requests at 10 requests/s; TTFT from the engine's queue on. "
        "LLMServingSim: its own figures, with profiled kernels, over all requests.",
        (
            "run",
            "latency",
            "measured mean [ms]",
            "error of the mean",
            "error of P95",
            "mean absolute error of a request",
            "LLMServingSim: mean",
            "P95",
        ),
    )
    for run in RUNS:
        _rows(run)


def _rows(run: RealRun) -> None:
    log = run.log()
    half = len(log) // 2
    engine = fitted_engine(log, run.stated(), seen=half)
    simulated = replayed(log, engine).part(half, len(log))
    said = latencies_s(simulated)
    for name, measured in latencies_s(log.part(half, len(log))).items():
        off = latency_errors(measured, said[name])
        row(
            run.name,
            name,
            f"{measured.mean() * MS_PER_S:,.1f}",
            signed(off.mean),
            signed(off.p95),
            f"{off.request * 100:.1f} %",
            *map(signed, run.published()[name]),
        )
    print(f"\n{engine.prefill}\n{engine.decode}\n", flush=True)


if __name__ == "__main__":
    table()
