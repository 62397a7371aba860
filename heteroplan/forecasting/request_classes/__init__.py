"""Requests -> the fewest request classes that keep the error of capacity within a tolerance.

`class_error` bounds how wrong capacity can be when only classes are known, `classes` chooses them.
"""
