"""What each command does, its stages in order: the same from Python with one call.

`plans` makes, checks, writes, explains and exports plans, `inputs` demand curves and profiles.
"""
