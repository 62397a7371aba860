"""Checks across fields and files, one function per check; a problem has a file and a remedy.

`schema_problems` puts pydantic's errors in plain words. `fleet` has the rules of a fleet file,
`engines` those of profiles and workloads, `topology` those of domains and losses; `workload_case`
is what the rules of one workload look at.
"""
