"""Rules over checked fields, one function a rule: every problem at once, with file and remedy.

`schema_problems` puts pydantic's errors in plain words. `fleet` has the rules of a fleet file,
`engines` those of profiles and workloads, `topology` those of domains and losses; `workload_case`
is what the rules of one workload look at.
"""
