"""A scenario's plan: decided, checked, put in the user's words, and compared with baselines."""

from heteroplan.planning.make import make_plan

__all__ = ["make_plan"]
