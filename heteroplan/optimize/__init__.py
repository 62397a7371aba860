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

**What each ingredient is worth** (`python -m tests.benchmarks.scale --only ablation`; sizes before
they are packed, on two cores): A1 (50 workloads, 20,000 GPUs) after 51 s, with the bound by then.

    without              cost of sizes    bound
    -                        1,035,682    1,021,199
    one domain               1,036,450    1,020,777
    balance prices           1,035,658    1,021,327
    price steps              1,035,658    1,021,199
    workload prices          1,035,680    1,021,199
    steering                 1,035,682    1,021,199   first plan after 16 s instead of 12
    squeaky order            1,035,682    1,021,199
    sweeps                   1,037,282    1,021,199
    guide (no dive)          1,043,470    1,021,199
    look ahead               1,036,855    1,021,199

Prices of balances and their steps pay where domains differ in hardware, not here. On small2 (5
workloads) after 10 s only swaps change anything: without them 674,888 instead of 674,932.
"""
