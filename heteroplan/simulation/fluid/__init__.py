"""The fluid level: requests as flows that replicas work off, second by second.

In come rates (`rate_stream`) and the same engines, replicas and policies as at the level of single
requests; out go the same figures, without single requests. To read in this order: `state`, all
numbers; `mixes`, requests as moments; `waiting`, the mean and the spread of waits from one step to
the next; `decoding`, batches and steps; `flow`, one step of a workload and the loop over all;
`observing`, which requests keep the SLO; `level`, the class that the rest of the program uses;
`outcome`, what is told of it.

A role of a workload is one pool of its ready replicas. Waits at prefill are those of M/G/c, of
which the first two moments are followed through time, so that a queue that grows and one that only
swings are the same thing. The batch of decode replicas is that of Little's law with the spread
that random arrivals give it. Not there: single lengths in one batch, prompts that are preempted
when the KV cache is full (they wait), and the NIC as a queue behind prefill (it is before it).
"""
