"""Waits with a time-out, because a hanging test would report nothing."""

import asyncio
import threading
import time

from playground import TIMEOUT


async def until(what, condition):
    """Waits for a condition while the event loop runs."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"timed out waiting for: {what}")
        await asyncio.sleep(0.005)


def until_in_threads(what, condition):
    """Waits for a condition of clients that run in their own threads."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"timed out waiting for: {what}")
        time.sleep(0.005)


def within(what, call):
    """Makes a call that may block for ever, in a thread that does not keep the tests alive."""
    outcome = []

    def run():
        try:
            outcome.append((call(), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    if not outcome:
        raise AssertionError(f"timed out waiting for: {what}")
    value, error = outcome[0]
    if error:
        raise error
    return value
