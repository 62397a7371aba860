"""What a process does that was begun for tasks: reads them, and writes what came of each.

First it reads the work and the versions asked for, then tasks; first it writes that it has begun,
then answers. Where nothing more comes, nobody waits for it: it ends, and work at hand is asked to.
"""

import os
import pickle
import signal
import sys
import threading
import time
from queue import Empty, SimpleQueue
from typing import IO

from heteroplan.pipelines.shared.executors.executor import STOP
from heteroplan.pipelines.shared.executors.payload import carried_out

GRACE_S = 3.0
"""For work that was asked to end [s]."""


def serve(idle_s: float | None) -> None:
    """Does tasks from standard input until there are no more, or none for `idle_s`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sent, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What work prints is no answer.
    os.dup2(2, 1)
    tasks: SimpleQueue[bytes | None] = SimpleQueue()
    ended = threading.Event()
    work, asked = pickle.load(sent)
    threading.Thread(target=_read, args=(sent, tasks, ended), daemon=True).start()
    STOP.set(ended.is_set)
    pickle.dump(None, answers)
    answers.flush()
    while True:
        try:
            task = tasks.get(timeout=idle_s)
        except Empty:
            break
        if task is None:
            break
        try:
            pickle.dump(carried_out(work, task, asked), answers)
            answers.flush()
        except (BrokenPipeError, KeyboardInterrupt):
            break
    sys.stderr.flush()
    os._exit(0)


def _read(sent: IO[bytes], tasks: SimpleQueue[bytes | None], ended: threading.Event) -> None:
    try:
        while True:
            tasks.put(pickle.load(sent))
    except (EOFError, OSError, pickle.UnpicklingError):
        ended.set()
        tasks.put(None)
        time.sleep(GRACE_S)
        os._exit(1)
