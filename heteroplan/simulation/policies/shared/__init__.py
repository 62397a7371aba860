"""What several policies need.

`options` reads and checks parameters; `metrics` names what a policy may scale on and what a replica
bears of it; `bounds` keeps sizes whole and in range; `planned` is the plan by deployment and time.
`joint` is HeteroScale's control of both roles by one signal, `hpa_rules` the algorithm of the
Horizontal Pod Autoscaler, `kpa_rules` that of Knative's, `cron` the windows of KEDA's cron scaler.
"""
