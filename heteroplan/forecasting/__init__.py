"""Request traces -> the forecast: demand in each interval of the coming days.

In the order of the data: `traces` reads the formats of traces, `steps` counts what came in equal
steps of time, `request_classes` tells few kinds of requests apart, `curve` lays the past on days,
forecasts the coming ones and back-tests the forecast.
"""
