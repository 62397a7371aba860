"""Placement of one part of the fleet, interval by interval.

`day` is its state and log, `sweep` chooses which replicas stop and where others start, `wraparound`
joins the end of a cyclic day to its beginning, `align` makes it end as it began, `laps` repeats
the sweep while that helps.
"""
