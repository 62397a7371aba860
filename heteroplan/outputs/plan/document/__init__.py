"""plan.json: the form of a plan that all outputs read, from memory or from a file.

In comes a `Plan` (`from_plan.document_of`) or a file (`plan_json.read_plan`), out goes a
`PlanDocument`, and `plan_json.plan_text` writes it. To read in this order: `parts`, the field types
and numbers of nine digits; `plan_inputs`, the scenario as it was planned, there and back;
`plan_document`, the whole; `from_plan` with `leaf_rows`, `egress` and `reasons`; `plan_json`;
`plan_checks` and `input_checks`, whether a file agrees with itself.
"""
