"""A demand curve on the terminal (`text`), as a page (`page`) and as files (`files`); `figures` are
the numbers that all of them show."""
