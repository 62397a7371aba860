"""What arrives at a replay: a `RequestStream` from traces, or drawn from the planned demand.

In come a scenario and, for `traces.from_traces`, the files of its workloads; `drawn.drawn` needs
the scenario alone. To read in this order: `rates`, the planned rate over the replay; `renewal`,
arrivals of that rate; `lengths`, tokens of requests by their classes; `drawn`, requests of both;
`reading`, the requests of a trace, `windows` drawn where it tells only counts; `scaling`, when a
trace's requests arrive in the replay; `merging`, what a trace leaves open filled in, what is no
request left out, and workloads merged into one stream; `traces`, all of that.

Each workload draws from random streams of its own, by its name: another workload, another rate or
another burstiness does not change its lengths.
"""
