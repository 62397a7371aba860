"""A scenario's plan: decided, put in the user's words, checked, and compared with baselines."""

from heteroplan.plan.make import make_plan
from heteroplan.plan.verify import verify

__all__ = ["make_plan", "verify"]
