"""Two runs of vLLM beside the simulator: `python -m tests.benchmarks.real_engines`.

By hand; some minutes. Coefficients are fitted to the first half of the requests, errors are of the
second half. One run each: nobody can say how much another run of the same engine would differ.
The second table shows how much depends on the weight of the data sheets, which no part of the first
half tells: there the batch is never small, so that it does not tell the constant part of a decode
step from that of a sequence. The weight in use was chosen when errors of the second half had been
seen.
"""

from itertools import product

from heteroplan.simulation.engine_logs.engine_fit import ERROR, SPREAD, fitted_engine, replayed
from heteroplan.simulation.engine_logs.request_log import LatencyErrors, latency_errors
from heteroplan.simulation.requests import Floats
from heteroplan.units import MS_PER_S
from tests.benchmarks.markdown import header, row
from tests.simulation.real_runs import RUNS, RealRun

LATENCIES = {"TTFT": "ttft_s", "TPOT": "tpot_s", "end-to-end": "e2e_s"}
ERRORS = (0.03, 0.1, 0.3)
SPREADS = (0.25, 0.5, 1.0, 2.0)


def second_half(
    run: RealRun, error: float = ERROR, spread: float = SPREAD
) -> dict[str, tuple[Floats, LatencyErrors]]:
    """Measured latencies [s] and errors of the prediction, by latency."""
    log = run.log()
    half = len(log) // 2
    engine = fitted_engine(log, run.stated(), seen=half, error=error, spread=spread)
    later, said = log.part(half, len(log)), replayed(log, engine).part(half, len(log))
    return {
        name: (getattr(later, of), latency_errors(getattr(later, of), getattr(said, of)))
        for name, of in LATENCIES.items()
    }


def predictions() -> None:
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
        for name, (measured_s, off) in second_half(run).items():
            row(
                run.name,
                name,
                f"{measured_s.mean() * MS_PER_S:,.1f}",
                _signed(off.mean),
                _signed(off.p95),
                f"{off.request * 100:.1f} %",
                *map(_signed, run.published()[name]),
            )


def weights() -> None:
    """The largest errors with other weights of the data sheets."""
    header(
        "Weight of the data sheets",
        "Largest error of the three latencies. `error` is that of a logged latency, `spread` that "
        "of the logarithm of a stated coefficient.",
        ("run", "error", "spread", "largest error of a mean", "of P95"),
    )
    for run, error, spread in product(RUNS, ERRORS, SPREADS):
        found = [off for _, off in second_half(run, error, spread).values()]
        largest = [max((each.mean for each in found), key=abs)]
        largest.append(max((each.p95 for each in found), key=abs))
        row(run.name, error, spread, *map(_signed, largest))


def _signed(share: float) -> str:
    return f"{share * 100:+.1f} %"


if __name__ == "__main__":
    predictions()
    weights()
