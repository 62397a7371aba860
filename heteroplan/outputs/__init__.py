"""Everything a person or a script sees of a plan."""
