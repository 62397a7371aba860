"""What if: which inputs a study varies, its cases, and what their results say together.

A `case` is one scenario with some inputs set; a `result` is what its plan came to.
"""
