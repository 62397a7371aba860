"""The whole program as one MIP, the reference for everything else.

`model` has its variables and equations; the rows of its limits are in `rules`.
"""
