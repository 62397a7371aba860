"""Slurm: topologies, nodes and reservations -> where nodes are, their GPUs, and when they are out.

`topology` reads topology.conf and `topology_yaml` its successor; `sinfo` reads JSON of nodes and
`scontrol` text, both through `nodes`, with GPUs and states by `gres`.
"""
