"""Requests -> counts and mean request lengths in equal steps of elapsed time.

`stamps` turns the stamps of a trace into moments, `spans` says which time its files cover,
`prefix_cache` replays which input tokens a cache holds, `counting` adds requests up in compiled
loops and `steps` does all that in one pass over the files. `shape` is the mean request of a step,
`local_days` the local day and hour of a moment.
"""
