"""Where independent tasks run: in this process, in several, or on a cluster."""
