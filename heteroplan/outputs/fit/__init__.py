"""Fits of measurements on the terminal (`text`, `plot`), as a page (`report`) and as pandas frames
(`frames`); `picture` is what terminal and page draw.

`ready_engines` lists the profiles that come with the program.
"""
