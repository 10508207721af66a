"""Waiting for what must come, and never longer than it can take: a test that hangs says nothing."""

import asyncio
import threading
import time

from playground import PATIENCE


async def until(what, condition):
    """Waits for a condition while the event loop goes on."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain: {what}")
        await asyncio.sleep(0.005)


def until_in_threads(what, condition):
    """The same for clients that live in threads of their own."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.005)


def within(what, call):
    """Calls what may block for ever, in a thread that does not keep the tests from ending."""
    outcome = []

    def run():
        try:
            outcome.append((call(), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if not outcome:
        raise AssertionError(f"waited in vain: {what}")
    value, error = outcome[0]
    if error:
        raise error
    return value
