"""Files -> entities, every problem at once."""

from heteroplan.inputs.scenario import Loaded, load

__all__ = ["Loaded", "load"]
