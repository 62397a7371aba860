"""One module a trace format: how it is recognised, and its rows as requests or windows.

`counters` and `server_counters` are shared by the metrics of servers that Prometheus keeps.
"""
