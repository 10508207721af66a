"""The server under test: the playground on its own port, which can be stopped and restarted."""

import atexit
import json
import os
import queue
import signal
import socket
import subprocess
import threading
import urllib.parse
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
BINARY = os.environ.get("PLAYGROUND_BIN", str(REPOSITORY / "target/debug/examples/playground"))

# The time-out of all waits: nothing takes this long unless it is broken.
TIMEOUT = 15.0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Playground:
    """One server; `with` ends it."""

    def __init__(self):
        self._process = None
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.websocket_url = f"ws://127.0.0.1:{self._port}/socket/websocket"

    def __enter__(self):
        # Otherwise a running server would outlive the tests.
        atexit.register(self.stop, signal.SIGKILL)
        self.start()
        return self

    def __exit__(self, *_):
        self.stop(signal.SIGKILL)
        atexit.unregister(self.stop)

    def start(self):
        """Returns when it listens, on the same port as before."""
        environment = {**os.environ, "PORT": str(self._port)}
        self._process = subprocess.Popen([BINARY], env=environment, stdout=subprocess.PIPE, text=True)
        lines = queue.Queue()

        def read(stdout):
            with stdout:
                for line in stdout:
                    lines.put(line)
            lines.put("")

        # Reading a pipe has no time-out, but waiting for a thread has.
        threading.Thread(target=read, args=[self._process.stdout], daemon=True).start()
        line = lines.get(timeout=TIMEOUT)
        if line.strip() != f"playground listens on {self.url}":
            raise RuntimeError(f"the playground did not start: {line!r}")

    def stop(self, how):
        """Returns when the process has ended."""
        if self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(TIMEOUT)

    def restart(self, how):
        """With an event loop call it by `asyncio.to_thread`: the loop must answer the server's close."""
        self.stop(how)
        self.start()

    def broadcast(self, topic, event, payload):
        """Broadcasts an event from outside the server."""
        query = urllib.parse.urlencode({"topic": topic, "event": event})
        body = json.dumps(payload).encode()
        with urllib.request.urlopen(f"{self.url}/admin/broadcast?{query}", body, timeout=TIMEOUT):
            pass


# Without warning, and with time to disconnect clients.
ENDINGS = (signal.SIGKILL, signal.SIGTERM)
