"""Measurements -> latency coefficients with their error, and profile files.

`regression` fits one curve, `fit` those of prefill and decode, `end_to_end` those behind runs of
whole requests. `fitted` is an engine with its errors and points, `report` the fits of whole files,
`rated` capacities that a tool states instead of latencies, `plausibility` what looks measured or
labelled wrongly. `aic` models what nobody measured; `profile_file` is what `plan` takes.
"""
