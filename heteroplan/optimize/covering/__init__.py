"""Blocks: the cheapest numbers of replicas, starts included, that cover one demand curve.

`stages` prices what a replica costs a stage of requests, `role_blocks` makes blocks of that,
`choice` says which engines and counts matter, `blocks` solves one exactly by dynamic programming
(`compiled` where it runs often, on the `arrays` of a block; `narrow` on part of a large grid).
`losses` is what the loss of a node leaves.
"""
