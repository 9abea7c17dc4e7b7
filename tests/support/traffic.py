"""A mix of frames from the far end, all the time, until told to stop."""

from __future__ import annotations

import threading
import time

import numpy as np

from tests.support.mix import mixed
from tests.support.sending import Sender, pack


class Traffic:
    """Frames from the far end, all the time, until told to stop."""

    def __init__(self, space, interface, per_burst=200):
        self.sender = Sender(space, interface)
        self.packed = pack([frame for frame, _ in mixed(7, 20_000, flows=400)])
        self.per_burst = per_burst
        self.sent_bytes = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        chance = np.random.default_rng(3)
        while not self.stopping.is_set():
            picks = chance.integers(0, len(self.packed), self.per_burst)
            self.sender.send_packed(self.packed, picks)
            self.sent_bytes += int(self.packed.lengths[picks].sum())
            time.sleep(0.01)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        self.sender.__exit__()
