"""Frozen dataclasses of a scenario and of a plan; they read and write no files.

A `scenario` asks: it has a `fleet` in a `network`, and workloads (`workload`). `capacity` is what a
replica of an engine serves. A `plan` answers, with its replicas on nodes (`placement`).
"""
