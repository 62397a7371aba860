"""The integer program and the method that solves it; the only package that calls the solver.

**Packages**, each importing only those before it: `program` (sets, coefficients), `solvers`,
`rules` (what plans keep), `formulation` (the whole as one MIP), `covering` (exact blocks), `bound`,
`construct` (first plans), `improve` (better plans from a plan). `incumbent` ranks plans, `search`
is the state of one solve, `turns` and `solve` the method; `static_peak` plans sizes that never
change.

**Problem.** Replicas n[p,t] of each pool (an engine of a workload in a domain) at each time: flow
balances prefill and decode in every group, pools cover demand, supply bounds the GPUs that running
and starting replicas hold; running and starting cost. `problem` holds sets and coefficients,
`build` and `supply` make them from a scenario, `model` and `rules` are the whole as one MIP, the
reference (`one_mip`). One MIP of a day of even two workloads does not close; what does is
below, behind one call: `solve`.

**Decomposition.** With prices on supply and on balances (`prices`) every stage of a workload's
requests stands alone (`stages`): integer counts of some engines that cover the demand at all
times, starts paid (`role_blocks`). A dynamic program solves such a block exactly (`blocks`, which
engines `choice`; `compiled` where there is much of it). This is
Lagrangian relaxation (Geoffrion 1974); its best value is that of Dantzig-Wolfe's master over block
schedules.

**Bound.** `bound` has the proof: valid at any prices, so LP duals need not be trusted. Good prices
are duals of LPs (`duals`): of the whole (`relaxation`) where that is small; else of all domains
merged into one (`coarser`), of single intervals and of single workloads (`lp_prices`). Each
workload keeps those that prove most of it. `ascent` moves prices against the integer blocks. On
large programs that runs in a process beside (`bounding`), in rounds that depend on the program
alone: the outcome is the same with one core and with two, and until the time limit the clock plays
no part.

**Plans.** A workload goes where it costs least (`one_workload`, `one_domain`, `mix`), beside what
stands there (`all_workloads`); `one_group` fits its groups to each other one by one, `two_groups`
two at a time, along the cheapest path through ways to divide what the others leave. Pools take
their workload's classes in one mix there; `by_class` divides classes among engines. Plans are begun
anew in `turns`: of a small program near its LP, at prices that rise where demand is short; of a
large one, and where that goes short, near LPs of the workloads left (`guide`), solved again after
some are placed (`near_guide`). `sweeps` improve them while prices fade, and large-neighbourhood
search does by MIPs of a few workloads or hours (`polish`; Shaw 1998): on tight fleets of some nodes
that is worth 1 to 2 %. Plans that find no room on nodes are repaired (`repair`). Shortage counts
first, by priority class; last, free moves spare mixed hardware (`scarce`).

**Shortage.** Where the best plan leaves demand unserved, programs of single intervals say what no
plan serves (`least_short`): early, so that a short search can tell too, and at the end. Minima of
replicas that cannot be kept are found before the search (`minima`).

**End.** Gap reached, time up, or nothing left to try; a user who interrupts has the best plan so
far and its proof (`search`). The search begins with the plans that its caller has, and keeps some
time for a proof as long as there is none. `solver` runs HiGHS or one of `other_solvers` (`quiet`).

**Where the bound is weak.** Ratio bands, limits on groups and on single roles, and resilience are
dropped but for what they add to capacity; several classes are added up with weights, and prices of
balances are of little use for them; engines that serve several stages share one grid or are split.
Each costs the bound what it costs the plan.
Where large plans leave demand unserved, the bound pays for it at a price a request: the more is
left, the weaker.

**Changes of sizes** may cost something; blocks, bound and MIP know it. `last_pass` takes, of the
plans within the gap, one with few of them (`fewer_changes`: a rising price on changes), and makes
plans keep `min_run` and `max_changes` (`kept_sizes`), which the search before knows nothing of: the
rule (`rules.stability`) would break every plan on the way.

**What each ingredient is worth** says `python -m tests.benchmarks.scale --only ablation --cpu`:
it leaves them out one at a time (`search.INGREDIENTS`), on a clock of CPU seconds. Prices of
balances and their steps pay where domains differ in hardware.
"""
