"""Logs of real engines: requests that an engine served, and coefficients fitted to them.

`request_log` reads a log, and says how far a simulation is from it; `engine_fit` finds the
coefficients with which the simulator of single requests has the latencies of the log.
"""
