"""Offline capacity planner for P/D-disaggregated LLM inference on mixed GPUs.

From Python, one call a command, with its options as keywords:

    import heteroplan

    result = heteroplan.plan("scenarios/quickstart", gap=0.01)
    result.schedule_frame()         # a pandas DataFrame, units in the column names
    result.write("plans/today")     # the files that the command writes

`plan`, `check`, `sweep` and `nightly` take scenarios, `replay`, `stress` (`replay --stress`) and
`study` (`replay --study signals`) a plan or a scenario, `size` a scenario and what nodes can be had
for, `demand` request traces, `fit` measurements, `import_fleet` inventories of other systems and
`diff_fleets` two fleets. What they return is a `PlanResult`, `CheckResult`, `SweepResult`,
`NightlyResult`, `ReplayResult`, `StressResult`, `StudyResult`, `SizeResult`, `DemandResult`,
`FitResult`, `FleetResult` or the difference; what they raise is in `heteroplan.errors`. Nothing is
printed. All else is internal and may change.

The folders read like the data flow. `reading`, `inputs`, `forecasting` and `profiles` turn files
into `entities`; `optimize` sizes pools and `placement` puts their replicas on nodes; `verify`
checks the plan with arithmetic of its own, `baselines` compares it, `planning` runs these stages;
`studies` says what many plans tell together and `sizing` which nodes to have;
`outputs` shows the plan, `schedules` writes it for other systems. `pipelines` holds the stages of
each command in order, `cli` parses it. What several of them need is in `queueing`, `numerics`,
`clock`, `units`, `text` and `errors`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heteroplan import errors as errors
    from heteroplan.pipelines.check import CheckResult, check
    from heteroplan.pipelines.compare import CompareResult, compare
    from heteroplan.pipelines.demand import DemandResult, demand
    from heteroplan.pipelines.fit import FitResult, fit
    from heteroplan.pipelines.fleet import FleetResult, diff_fleets, import_fleet
    from heteroplan.pipelines.nightly import NightlyResult, nightly
    from heteroplan.pipelines.plan import PlanResult, plan
    from heteroplan.pipelines.replay import ReplayResult, replay
    from heteroplan.pipelines.risk import RiskResult, risk
    from heteroplan.pipelines.size import SizeResult, size
    from heteroplan.pipelines.stress import StressResult, stress
    from heteroplan.pipelines.study import StudyResult, study
    from heteroplan.pipelines.sweep import SweepResult, sweep

__version__ = "0.1.0"
__all__ = [
    "CheckResult",
    "CompareResult",
    "DemandResult",
    "FitResult",
    "FleetResult",
    "NightlyResult",
    "PlanResult",
    "ReplayResult",
    "RiskResult",
    "SizeResult",
    "StressResult",
    "StudyResult",
    "SweepResult",
    "check",
    "compare",
    "demand",
    "diff_fleets",
    "errors",
    "fit",
    "import_fleet",
    "nightly",
    "plan",
    "replay",
    "risk",
    "size",
    "stress",
    "study",
    "sweep",
]

_PIPELINES = {
    "plan": "plan",
    "PlanResult": "plan",
    "check": "check",
    "CheckResult": "check",
    "compare": "compare",
    "CompareResult": "compare",
    "demand": "demand",
    "DemandResult": "demand",
    "fit": "fit",
    "FitResult": "fit",
    "import_fleet": "fleet",
    "diff_fleets": "fleet",
    "FleetResult": "fleet",
    "nightly": "nightly",
    "NightlyResult": "nightly",
    "replay": "replay",
    "risk": "risk",
    "RiskResult": "risk",
    "ReplayResult": "replay",
    "size": "size",
    "SizeResult": "size",
    "stress": "stress",
    "StressResult": "stress",
    "study": "study",
    "StudyResult": "study",
    "sweep": "sweep",
    "SweepResult": "sweep",
}
"""Public names -> the module of `pipelines` that has them."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562), so that `--help` answers at once."""
    if name == "errors":
        return import_module("heteroplan.errors")
    if name not in _PIPELINES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"heteroplan.pipelines.{_PIPELINES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
