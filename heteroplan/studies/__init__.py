"""What if: which inputs a study varies, its cases, and what their results say together.

A `case` is one scenario with some inputs set; a `result` is what its plan came to, and what its
figures mean. Cases come from a `study`, or from `sensitivity`. `swings`, `frontier` and
`cross_table` are what results say together.

`samples` draw what is uncertain: demand (`outlook`), engines (`engine_errors`), nodes (`failures`).
`risk` meets plans with samples; `serving` is what a plan serves in one.
"""
