"""Queueing models: waiting times of prefill, and the utilization that keeps them short enough.

Service times come in, as means with spreads, and shares of late requests or utilizations go out.
To read in this order: `lengths` (a gamma in parts), `lattice` (M/G/1 waits by Fourier transform),
`waiting` (M/G/c waits of a mix of services), `sojourns` (M/G/1 wait and service together),
`batching` (a replica that takes several waiting prompts at a time). Used by the capacity of prefill
and of aggregated replicas and by the request classes of demand. Times are in one unit, mostly
milliseconds; rates in requests/s.
"""
