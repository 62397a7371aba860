"""Offline capacity planner for P/D-disaggregated LLM inference on mixed GPUs.

The folders read like the data flow: `inputs`, `demand` and `profiles` turn files into
`entities`; `optimize` turns those into a solution; `plan` checks it and sets it beside the
baselines; `outputs` shows it. `pipeline` holds the stages of each command in order.
"""

__version__ = "0.1.0"
