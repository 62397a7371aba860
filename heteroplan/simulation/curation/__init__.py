"""Curation of policies (HeteroScale's Algorithm 1), and the judge of capacity.

In come a system, requests, and policies with the options that may be searched; out go options that
take the least on one part of the requests and keep the SLO there, and how they do on the part that
the search never saw. To read in this order: `pieces`, the requests before and after a moment;
`figures`, what one policy took on a part; `groups`, a few replicas at a constant rate, and the
greatest at which they keep the SLO; `pressure`, the P/D ratio and the load a replica that such
groups bear; `search`, trials in the box of a policy's options; `results`, what comes of it all;
`curate`, which does it. `calibrate` compares single replicas with the capacity that plans count
on.
"""
