"""How traffic is divided among the groups of a plan."""
