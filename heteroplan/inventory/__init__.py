"""Files of cluster managers, clouds and fabrics -> the nodes of a fleet and where they stand.

Read `node` first: what one file says of nodes. `formats` has one module for each kind of file,
which returns `Contents`; `join` puts the contents of several files together by names of nodes.
"""
