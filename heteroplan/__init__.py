"""Offline capacity planner for P/D-disaggregated LLM inference on mixed GPUs.

The folders read like the data flow. `reading`, `inputs`, `forecasting` and `profiles` turn files
into `entities`; `optimize` sizes pools and `placement` puts their replicas on nodes; `verify`
checks the plan with arithmetic of its own, `baselines` compares it, `planning` runs these stages;
`outputs` shows the plan. `pipelines` holds the stages of each command in order, `cli` parses it.
"""

__version__ = "0.1.0"
