"""What the pipelines of several commands need.

`arguments` says how callers give options, `limits` between which values. `solving` loads and solves
a scenario within its time, `processes` runs several at a time.
"""
