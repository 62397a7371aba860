"""Covering blocks: integer counts of some engines that cover demand at all times, starts paid.

`stages` prices what a replica costs a stage of requests, `role_blocks` makes blocks of that,
`choice` says which engines and counts matter, `blocks` solves one exactly by dynamic programming
(`compiled` where it runs often, `cover` for a single interval, `narrow` on part of a large grid).
"""
