"""Measurements -> what one replica serves at the SLO."""
