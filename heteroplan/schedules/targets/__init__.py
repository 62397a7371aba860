"""Objects of a cluster whose sizes are those of pools."""
