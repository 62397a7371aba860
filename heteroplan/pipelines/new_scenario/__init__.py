"""What `init` makes of options, answers and examples.

`choices` decides which of them counts; `fleet`, `models`, `demand` and `workloads` are parts of the
new scenario, `files` tries them out and writes them.
"""
