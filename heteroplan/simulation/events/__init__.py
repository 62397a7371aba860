"""The simulator of single requests: prefill queues, KV transfer, continuous batching.

Compiled loops over record arrays. To read in this order: `world`, all state; `steps`, decode steps
in closed form; `heaps`, what happens next; `routing`, which replica takes a request; `prefill`,
`transfer`, `decode` and `aggregated`, what replicas do; `loop`, from one event to the next;
`eviction`, what becomes of requests whose replica is killed; `simulator`, the class that the rest
of the program uses.
"""
