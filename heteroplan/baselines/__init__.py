"""The baselines of a plan: static peak, one GPU type, HeteroScale's greedy scheduler.

`usage` counts GPU-hours and USD alike for plans and baselines, `savings` makes the baselines and
compares them.
"""
