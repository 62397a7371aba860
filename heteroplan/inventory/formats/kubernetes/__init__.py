"""Objects of a Kubernetes cluster: nodes, pods, devices of dynamic allocation, Kueue's queues.

Read `cluster` first: which objects of a file are read, and how they are put together. `objects`
takes a file apart, and `schemas` has the fields that are read. Of a node, `gpus` counts whole GPUs,
`network` says where it stands and `state` whether it is out; `slices` has the GPUs that dynamic
resource allocation gives out. `pods` are what runs now. `kueue` has levels and quotas, `virtual`
the nodes of a simulated cluster.
"""
