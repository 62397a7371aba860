"""The next piece of work done while the one before is used."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor


def ahead[T](pieces: Iterator[T]) -> Iterator[T]:
    """`pieces`, each next one made in a thread of its own; its errors come where it is due."""
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(next, pieces, None)
        while (piece := upcoming.result()) is not None:
            upcoming = pool.submit(next, pieces, None)
            yield piece
