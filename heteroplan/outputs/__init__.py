"""All outputs: terminal text, HTML pages, files and pandas frames.

`plan` shows plans and plan.json, `exporters` write schedules for other systems, `demand` shows
demand curves, `fit` fits of measurements; `shared` is what they have in common.
"""
