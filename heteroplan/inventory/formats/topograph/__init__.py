"""topograph: models (YAML) and graphs (JSON) -> switches above nodes, and their NVLink domains.

`labels` is what labels and annotations tell of a place.
"""
