"""Replicas that start, serve, drain and fail, and the GPUs that they hold.

In come the replicas that a policy wants; out go commands to a `Level` and the life of each replica.
To read in this order: `engine_numbers`, an engine as simulators run it; `allocation`, replicas by
role -> deployments; `lifecycle`, from the order of a replica to its end; `failures`, leaves that
are away.
"""
