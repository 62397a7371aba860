"""The integer program of a plan and the method that solves it.

**Packages**, each importing only those before it: `program` (sets, coefficients), `solvers`,
`rules` (what plans keep), `model` (the whole as one MIP), `covering` (exact blocks), `bound`,
`construct` (first plans), `improve` (better plans from a plan). `incumbent` ranks plans, `search`
is the state of one solve, `turns` and `solve` the method; `static_peak` plans sizes that never
change. `solve_as_one_mip` is what all of it is compared with: a MIP of a day of even two workloads
does not close.

**Decomposition.** With prices on supply and on balances every stage of a workload's requests stands
alone (`stages`): integer counts of some engines that cover the demand at all times, starts paid
(`role_blocks`). A dynamic program solves such a block exactly (`blocks`). This is Lagrangian
relaxation (Geoffrion 1974); its best value is that of Dantzig-Wolfe's master over block schedules.

**Bound.** `bound` has the proof: valid at any prices, so LP duals need not be trusted. Good prices
are duals of LPs (`lp_prices`): of all domains merged into one, and by an interior point method of
single intervals, and where it is small enough of the whole day. What is due of starts comes from
LPs of single workloads (`own_starts`). Each workload keeps those that prove most of it; `balancing`
improves its prices of balances by itself. Of the largest ones an LP of each alone counts where it
proves more than blocks (`own_supply`). Where classes, losses and other rules tie whole replicas,
MIPs of the workload in single intervals prove more (`own_intervals`). Unless one MIP comes first,
all of that runs in a process beside (`bounding`), in rounds that depend on the program alone: the
outcome is the same with one core and with two, unless the time limit ends the search.

**Plans.** A workload goes where it costs least (`one_workload`, `one_domain`), beside what stands
there, its groups fitted to each other one by one; `two_groups` fits two at a time. Pools take their
workload's classes in one `mix` there; `by_class` divides classes among engines. Plans are begun
anew in `turns`, near the LP of the whole or, of a large program, LPs of the workloads left
(`guide`). `sweeps` improve them while prices fade, and `polish` by MIPs of a few workloads or
hours: on tight fleets of some nodes that is worth 1 to 2 %. Plans that find no room on nodes are
repaired (`repair`). Shortage counts first, by priority class; where the best plan has some,
programs of single intervals say what no plan serves (`least_short`). Last, free moves spare mixed
hardware (`scarce`), and `last_pass` changes of sizes; the rules of stability would break every plan
on the way, so they come in there.

**Where the bound is weak.** Blocks drop ratio bands, limits on groups and engines, and limits of
roles that share a block, and keep of resilience what it adds to capacity. They add up several
classes with weights, and prices of balances are of little use for them. MIPs of single intervals
keep all of that, but pay for starts in parts. Engines that serve several stages share one grid or
are split. Where large plans leave demand unserved, the bound
pays for it at a price a request: the more is left, the weaker.

**What each ingredient is worth** says `python -m tests.benchmarks.scale --only ablation --cpu`:
it leaves them out one at a time (`search.INGREDIENTS`), on a clock of CPU seconds.
"""

from heteroplan.numerics.late_modules import load_late

# PuLP reads the logs of some solvers with it, and takes a third of a second longer to load.
load_late("orloge")
