"""Replay: a plan and autoscaling policies on the same requests, and who keeps the SLO for what.

In come a scenario or a plan document, requests (from traces, or drawn from the demand), and names
of policies; out goes a `Replay`. To read in this order: `requests` and `rate_stream`, what arrives
(made in `arrivals`, for a part of the horizon that `span` says); `system`, the replicas that may
run and where; `signals`, what a policy sees; `policies`, one module each; `level`, what a simulator
is, of which there are two: `single` with `events`, of single requests, and `fluid`, of flows for
weeks; `replicas`, that start, drain and fail; `run`, one policy on one stream of requests, with
`warming` before it; `figures` and `results`, what is reported of it. On top of `run`: `stress`,
`study`, `curation`; `hindsight`, the scenario as it would have been planned for what came. Apart
from these, `engine_logs`: what real engines logged, and coefficients from it.
"""
