"""Frozen data, no input or output: what a scenario is and what a plan is."""
