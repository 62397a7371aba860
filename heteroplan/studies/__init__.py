"""What if: which inputs a study varies, its cases, and what their results say together.

A `case` is one scenario with some inputs set; a `result` is what its plan came to.

Cases come from `grid` and `study`, or from `sensitivity`; `readings` says what inputs and figures
of a result mean, and `swings`, `frontier` and `cross_table` what results say together.
"""
