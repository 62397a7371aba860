"""Two runs of vLLM, one each: the second half of the requests predicted from the first."""

import pytest

from heteroplan.simulation.engine_logs.engine_fit import fitted_engine, replayed
from heteroplan.simulation.engine_logs.request_log import latency_errors
from tests.realdata import needs_data
from tests.simulation.real_runs import RUNS, RealRun

MEAN, P95 = 0.03, 0.05
REQUEST = {"ttft_s": 0.03, "tpot_s": 0.07, "e2e_s": 0.03}
"""Mean absolute error, over the mean; which requests are preempted is not always the same."""


@needs_data
@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_second_half(run: RealRun) -> None:
    log = run.log()
    half = len(log) // 2
    simulated = replayed(log, fitted_engine(log, run.stated(), seen=half))
    for name, request in REQUEST.items():
        measured = getattr(log.part(half, len(log)), name)
        off = latency_errors(measured, getattr(simulated.part(half, len(log)), name))
        assert abs(off.mean) < MEAN
        assert abs(off.p95) < P95
        assert off.request < request
