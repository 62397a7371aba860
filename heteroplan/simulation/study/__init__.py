"""How well the signals that policies scale on tell the load: HeteroScale's study, simulated.

In come a serving system and the replicas of one workload; out goes a `SignalStudy`. To read in
this order: `results`, what is reported; `station`, the replicas that bear the load; `sweep`, the
signals at each load; `curves`, how a signal follows the load; `findings`, those of the paper, one
by one.
"""
