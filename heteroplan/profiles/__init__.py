"""Measurements -> the rate that one replica serves at the SLO.

In the order of the data: `readers` reads benchmark outputs as `measurement`s, `fitting` fits
latency coefficients to them and writes profiles, `capacity` computes from coefficients and SLOs
what a prefill, decode or aggregated replica serves: the candidates that plans choose from.
"""
