"""`python -m tests.fuzz --cases 10000 --seed 1`: ends with 1 if anything goes wrong."""

import os
import sys

if __name__ == "__main__":
    # Before numpy is there: a process with threads must not fork.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = "1"
    from tests.fuzz.campaign import main

    sys.exit(main())
