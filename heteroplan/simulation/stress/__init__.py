"""How robust a plan is: replays that go worse than planned, and where the SLO first breaks.

In come a serving system, a policy and what draws its requests; out goes a `Stress`. To read in
this order: `results`, what is reported; `engines`, engines that are slower than their profile says;
`limits`, the search for the factor at which something breaks; `stressed`, all of it.
"""
