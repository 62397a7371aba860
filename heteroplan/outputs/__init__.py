"""All outputs: terminal text, HTML pages, files and pandas frames.

`plan` shows plans and plan.json, `replay` policies on requests, `demand` demand curves, `fit` fits
of measurements, `fleet` fleets and their differences; `shared` is what they have in common.
"""
