"""Autoscaling policies, one module each: signals and replicas -> desired replicas.

`policy` has the protocol and what every policy is made from; `registry` the list by name.
"""
