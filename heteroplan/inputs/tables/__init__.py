"""CSV files of a scenario -> demand, request classes, and replicas that already run.

`stamped_rows` reads rows of equal time steps, `demand_csv` and `class_csv` what they hold, `align`
brings them to planning intervals. `arrivals_csv` reads how bursty arrivals are. `current` reads
replicas that run when the horizon starts.
"""
