"""Outputs of a nightly job: a folder for each night, which of them is in force, and what is said.

`shelf` keeps the folders and the lock, `record` is what each of them knows of its run, `summary`
tells people what changed, `metrics` tells Prometheus how the run went.
"""
