"""Queueing models: waiting times of prefill, and the utilization that keeps them short enough.

Service times come in, as means with spreads, with how bursty requests are and how they are routed,
and shares of late requests or utilizations go out. To read in this order: `lengths` (a gamma in
parts), `services` (a mix of service times), `bursts` (requests in batches), `lattice` (waits in one
queue by Fourier transform), `round_robin` (waits at replicas that take turns), `waiting` (a pool of
replicas: which queues its routing makes, and how busy they may be), `sojourns` (M/G/1 wait and
service together), `batching` (a replica that takes several waiting prompts at a time). Used by the
capacity of prefill and of aggregated replicas and by the request classes of demand. Times are in
one unit, mostly milliseconds; rates in requests/s.
"""
