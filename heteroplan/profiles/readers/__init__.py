"""Measurement files -> measurements of prefill, decode and whole replicas.

`read` is what others call: `files` opens a file as what its first bytes say it is (`table`,
`document`, `arrays`: each a `measurement_file` with the problems found in it), and one of the
`formats` (each a `measurement_format`) makes `file_measurements` of it, with what the user
gives where the file does not say it.
`gpu_names`, `kv_usage` and `runs` are shared by formats.
"""
