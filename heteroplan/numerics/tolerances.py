"""How exactly numbers are taken, where several modules must agree on it.

Tolerances that only one module knows stay there. Shares of demand, from narrow to wide: what our
own sums may miss (`COVER_TOLERANCE`), what a solver's rows may miss (`SOLVER_TOLERANCE`), what
counts as served all the same (`SERVED_TOLERANCE`), what a proof of a shortage lets go
(`SHORT_MARGIN`).
"""

NOTHING = 1e-12
"""Less than any number that is more than 0 in earnest; a divisor where there might be a 0."""
ROUNDING = 1e-9
"""Relative error of sums of floats: costs, bounds and limits this close count as equal."""
COVER_TOLERANCE = 1e-9
"""Share of demand that our own sums may miss by rounding."""
SOLVER_TOLERANCE = 1e-6
"""What a solver may miss a row by, in the unit of the row, and an LP's optimum by, relative."""
SERVED_TOLERANCE = 2 * SOLVER_TOLERANCE
"""Share of a class's demand that may be missing where all of it counts as served."""
SHORT_MARGIN = 1.5 * SERVED_TOLERANCE
"""Share of the requests asked for that no proof of a shortage claims: a plan that lacks less may
count as covered, and what proves it has rounding of its own."""
OPTIMAL_GAP = 1e-6
"""Relative gap between a plan and its bound up to which the plan is called optimal."""
BASELINE_GAP = 1e-3
"""Relative gap within which a static baseline counts as the cheapest one."""
LEAST_GAIN = 1e-4
"""Relative gain of a pass over all workloads that is worth another pass."""
