"""Autoscaling policies, one module each: signals and replicas -> desired replicas.

In come `Signals` and `ReplicaState` every `period_s`; out go `RoleTargets` or `PoolTargets`.
To read in this order: `policy` has the protocol and what every policy is made from; `registry` the
list by name. Of the plan: `plan` (alone, and as a floor under feedback), `keda_cron` (its manifest
as a cluster carries it out), `static_peak`. Of HeteroScale: `periodic`, `proportional`,
`negative_feedback`, `soft_scale_in`. Of other projects: `hpa`, `kpa`, `aibrix`, `wva`,
`dynamo_planner`. What several of them need is in `shared`.
"""
