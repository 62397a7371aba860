"""The integer program and the method that solves it; the only package that knows the solver.

**Problem.** Replicas n[p,t] of each pool (an engine of a workload in a domain) at each time: flow
balances prefill and decode in every group, pools cover demand, supply bounds the GPUs that
running and starting replicas hold; running and starting cost. `problem` holds sets and
coefficients, `build` and `supply` make them from a scenario, `model` and `promise` are the whole
as one MIP, the reference (`one_mip`). One MIP of a day of even two workloads does not close; what
does is below, behind one call: `solve`.

**Decomposition.** With prices on supply and on balances (`prices`) every stage of a workload's
requests stands alone (`stages`): integer counts of some engines that cover the demand at all
times, starts paid (`role_blocks`). A dynamic program solves such a block exactly (`blocks`, which
engines `choice`; `compiled` where there is much of it; one interval: `cover`, a knapsack). This
is Lagrangian relaxation (Geoffrion 1974); its best value is that of Dantzig-Wolfe's master over
block schedules.

**Bound.** `bound` has the proof: valid at any prices, so LP duals need not be trusted. Good
prices are duals of LPs (`duals`): of the whole (`relaxation`) where that is small; else of all
domains merged into one (`coarser`), of single intervals and of single workloads (`lp_prices`). Each
workload keeps those that prove most of it. `ascent` moves prices against the integer blocks. On
large programs that runs in a process beside (`bounding`), in rounds that depend on the program
alone: the outcome is the same with one core and with two, and until the time limit the clock
plays no part.

**Plans.** A workload goes where it costs least (`place`, `home`, `mix`), at prices that steer it
off what others need more (`primal`); `refit` fits its groups to each other. Small programs: near
the LP, repaired by rising prices, small moves and small MIPs (`mend`), then swaps of two
workloads and large-neighbourhood search by MIPs of a few workloads or hours (`polish`; Shaw
1998). Large programs (`large`): a dive, small workloads first, the LP of the rest (`guide`) solved
again in between (`dive`), then sweeps while prices fade. Shortage counts first, by priority
class; last, free moves spare mixed hardware (`scarce`).

**End.** Gap reached, time up, or nothing left to try; a user who interrupts has the best plan so
far and its proof (`search`). `solver` runs HiGHS or one of `other_solvers` (`quiet`).

**Where the bound is weak.** Ratio bands, limits on groups and on single roles, and promises are
dropped but for what they add to capacity; several classes are added up with weights; engines that
serve several stages share one grid or are split. Each costs the bound what it costs the plan. Where
large plans leave demand unserved, the bound pays for it at a price a request: the more is left, the
weaker.
"""
