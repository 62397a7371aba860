"""Scenario, fleet and profile files -> entities; all problems are reported together.

In the order of the data: `scenario` reads all files, with fields that the command line sets
(`overrides`); `schemas` say what each file may hold, `checks` have the rules across them, `build`
makes entities of what passed. `tables` reads CSV files, `trace_demand` the trace of a scenario;
`pasts` keeps what was read of traces for another load.
`gpu_types` and `ready` are what comes with the program: GPU types and profiles. `plan_ids` says
which plan a file belongs to.
"""

from heteroplan.inputs.pasts import Pasts
from heteroplan.inputs.scenario import Loaded, Outline, load, read_outline

__all__ = ["Loaded", "Outline", "Pasts", "load", "read_outline"]
