"""Fleets: what was imported, a fleet as a tree, and what differs between two.

`imported` says what an import wrote, `tree` shows a fleet with its priorities, `difference`
compares two fleets and `difference_text` shows that, `places_csv` says which node is which.
"""
