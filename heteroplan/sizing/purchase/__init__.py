"""Around one size: the terms of a purchase, what it is compared with, and what comes later.

`terms` is a size under the terms of a file, with `spares` for failures and `power` told by phase.
`alternatives` are other fleets to compare it with, `quarters` a purchase plan with a look `ahead`,
`worth` that of one more node.
"""
