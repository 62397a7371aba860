"""Past rates in equal steps -> the forecast, in equal intervals of the coming days.

`history` lays the past on local days, `intervals` takes the busiest minutes of each interval,
`weekdays` says which days are alike, `season` takes the quantile of like days, `forecast` applies
both to coming days, `events` multiplies known exceptions, `mix` adds classes of requests, `record`
keeps a past as it was. `curve` calls them in order; `backtest` does so on days held back.
"""
