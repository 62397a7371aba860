"""Replaces replicas that fit on no node by replicas of other pools of the workload.

`free_capacity` keeps the GPUs that are left on all nodes, `substitute` finds replicas that serve
instead or make room.
"""
