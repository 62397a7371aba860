"""First plans: the greedy schedule, and workloads placed one by one at prices for GPUs.

`greedy` replays HeteroScale's scheduler on `greedy_ledger`. A `task` is one workload to place:
`one_domain` sizes its pools in one domain, `one_workload` chooses its domains, `all_workloads`
places all, `guide` near LPs.
"""
