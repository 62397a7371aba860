"""Files of cluster managers, clouds and fabrics -> the nodes of a fleet and where they stand.

Read `node` first: what one file says of nodes. `formats` has one module for each kind of file,
which returns `Contents`, and `reading` opens files and finds the format of each. Then in the order
of an import: `join` puts the contents together by names of nodes (`host_names` reads lists of
them); `node_types` finds nodes that are alike, whose GPUs `gpu_names` knows; `levels` makes
clusters, spines and leaves of paths; `limits` says what is out and beyond quotas; `prices` has what
no inventory says; `fleet_file` is the result. `node_places` says which node is which, and `running`
which replicas run now, by the objects of `pod_objects`.
"""
