"""Replay: a plan and autoscaling policies on the same requests, and who keeps the SLO for what.

In come a scenario or a plan document, requests (from traces, or drawn from the demand), and names
of policies; out goes a `Replay`. To read in this order: `requests`, what arrives; `system`,
the replicas that may run and where; `signals`, what a policy sees; `policies`, one module each;
`events`, the simulator of single requests; `fluid`, that of flows for weeks; `lifecycle`, replicas
that start, drain and fail; `run`, one policy on one stream of requests; `results`, what is
reported of it. Beside them: `request_log`, what an engine logged of its requests, and `engine_fit`,
the coefficients with which the simulator says the same.
"""
