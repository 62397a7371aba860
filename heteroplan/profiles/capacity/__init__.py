"""Latency coefficients and SLOs -> the capacity of one replica in requests/s.

`latency` evaluates coefficients, `setting` is what an operating point depends on. `prefill`,
`decode` (with `steps` of a mix of classes and the `swing` of their number) and `aggregated` each
find the largest rate that keeps the SLO; `candidates` does so for every engine of a scenario,
`replica` for one fitted engine.
"""
