"""Two plans beside each other: what changed, in money.

In come two `PlanDocument`s. To read in this order: `document`, the JSON and its type; `figures`,
which makes it of two plans, with `input_changes` for what differs in what was asked; `sentences`
and `rows`, which terminal (`text`) and Markdown (`markdown`) share; `frames` (pandas).
"""
