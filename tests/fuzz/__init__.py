"""Mutated inputs, odd options and faults, thousands of them: `python -m tests.fuzz --cases 10000`.

To read in this order: `recorded` and `seeds` (inputs that are in order), what spoils them
(`values`, `trees`, `texts`, `packed`, `options`, `faults`), `cases` (one case from its number
alone), `running` (a case in a process of its own), `verdicts` (what must not happen), `report`,
`campaign` (all of it), `corpus` (what once went wrong).
"""
