"""What changes from one interval to the next: replicas that start, pools of another size."""

import numpy as np
from numpy.typing import NDArray

type Ints = NDArray[np.int64]


def starts_of[Number: (np.int64, np.float64)](
    counts: NDArray[Number], before: Ints | None, cyclic: bool
) -> NDArray[Number]:
    """[*, T] replicas started to serve from t on, of counts [*, T].

    Where the day is not cyclic, `before` [*] ran when it began; where that is not known, what
    serves in the first interval did.
    """
    return np.asarray(np.maximum(0, counts - earlier(counts, before, cyclic)))


def earlier[Number: (np.int64, np.float64)](
    counts: NDArray[Number], before: Ints | None, cyclic: bool
) -> NDArray[Number]:
    """[*, T] counts one interval before; at the beginning `before`, or what serves then."""
    earlier = np.empty_like(counts)
    earlier[..., 1:] = counts[..., :-1]
    if cyclic:
        earlier[..., :1] = counts[..., -1:]
    else:
        earlier[..., 0] = counts[..., 0] if before is None else before
    return earlier
