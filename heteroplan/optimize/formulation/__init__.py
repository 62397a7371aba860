"""The whole program as one MIP, the reference for everything else.

`model` has its variables and rows, `resilience` those of serving a share after a loss.
"""
