"""`python -m tests.fuzz --cases 10000 --seed 1`: ends with 1 if anything goes wrong."""

import os
import sys

if __name__ == "__main__":
    # Before numpy and pyarrow are there: a process with threads must not fork, and an allocator
    # that reserves memory by the GiB would meet the limit of a case.
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    os.environ |= {"ARROW_DEFAULT_MEMORY_POOL": "system"}
    from tests.fuzz.campaign import main

    sys.exit(main())
