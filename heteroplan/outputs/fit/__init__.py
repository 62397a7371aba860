"""Fits of measurements on the terminal (`text`, `plot`) and as a page (`report`); `picture` is what
both draw, `frames` the same as pandas frames. `ready_engines` lists the profiles that come with the program."""
