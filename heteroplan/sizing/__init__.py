"""What to buy or rent: the nodes of a fleet as a decision of the program that plans on it."""
