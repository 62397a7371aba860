"""Counts, lives and latencies -> figures: what policies see, and what is reported of them.

To read in this order: `metrics`, what a monitoring system measures while a replay runs; then what
is summed up at its end: `latencies`, of single requests; `ledger`, replicas, GPUs and intervals.
"""
