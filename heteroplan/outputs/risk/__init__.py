"""Forecast risk as people and scripts see it: terminal text, risk.json and tables."""
