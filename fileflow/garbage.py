"""Holds back the search for garbage while many objects are made that stay.

Knows nothing of what they are.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Looks for no garbage inside, and afterwards takes all objects for old ones.

    Looking through thousands of new objects, none of which is garbage, costs half of their time;
    so it does with those that an import brings.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():
            gc.freeze()  # there and back is the way to the oldest generation
            gc.unfreeze()
        gc.enable()
