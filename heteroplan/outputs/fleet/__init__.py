"""Fleets on the terminal and as files: what was imported (`imported`), a fleet as a tree (`tree`),
two fleets compared (`difference`, `difference_text`), and which node is which (`places_csv`).
"""
