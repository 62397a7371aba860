"""Service that found no node goes to other pools of its workload.

`free_capacity` keeps the GPUs that are left on all nodes, `substitute` finds replicas that serve
instead or make room, `rejoin` names replicas anew afterwards.
"""
