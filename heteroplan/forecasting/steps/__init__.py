"""Requests -> counts and mean request lengths in equal steps of elapsed time.

`stamps` turns the stamps of a trace into moments, `spans` says which time its files cover,
`prefix_cache` replays which input tokens a cache holds and `opened` does so for all files of a
trace, one after the other; `counting` adds requests up in compiled loops, which `steps` does in one
pass over the trace. `shape` is the mean request of a step,
`local_days` the local day and hour of a moment.
"""
