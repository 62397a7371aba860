"""Single requests, or counts in windows -> how bursty arrivals are below the planning interval.

In come the requests of some intervals and the rates that these intervals are planned for; out goes
the dispersion (1 for Poisson arrivals) to plan with, by time scale and percentile. `sample` keeps
requests while a trace is read, within bounded memory; `variance_time` takes the variance of counts
in windows; `fluid_replay` finds the capacity that recorded work needs and `in_flight` how many
sequences decode at a time; `inversion` turns both into a dispersion; `measured` calls them in order
and `steadiness` asks whether one part of the trace lets expect the next. `counted` does what can
be done where a trace has counts only.
"""
