"""How busy a replica may be so that requests still start in time.

`waiting` has the M/G/1 and M/G/c waiting times of requests whose lengths vary, `batching` the same
for a replica that takes several waiting prompts at a time. Used by the capacity of prefill and of
aggregated replicas. All times are in seconds, all rates in requests/s.
"""
