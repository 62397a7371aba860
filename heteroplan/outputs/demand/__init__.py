"""A forecast on the terminal (`text`), as a page (`page`), as files (`files`) and as pandas frames
(`frames`); `figures` are the numbers that all of them show."""
