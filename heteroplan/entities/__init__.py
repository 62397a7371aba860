"""Frozen data, no input or output: what a scenario is and what a plan is.

A `scenario` asks: it has a `fleet` in a `network`, and workloads (`workload`). `capacity` is what a
replica of an engine serves. A `plan` answers, with its replicas on nodes (`placement`).
"""
