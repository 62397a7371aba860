"""Fits of measurements on the terminal (`text`, `plot`) and as a page (`report`); `picture` is what
both draw. `ready_engines` lists the profiles that come with the program."""
