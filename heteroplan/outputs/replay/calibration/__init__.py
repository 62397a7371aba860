"""Capacity as simulated against capacity as planned: factors for files (`document`), and a table
for people (`text`)."""
