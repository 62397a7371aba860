"""A plan as the schedule of another system, and what that system does with it.

`targets` are the objects of a cluster that pools stand for, `timetable` is the size of each at
every minute, `formats` write it down for a system, `executors` do with what was written as that
system does, and `routing` divides the traffic.
"""
