"""The server under test: the playground on a port of its own, stopped with or without warning, started again."""

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

# Nothing in these tests takes this long unless it is broken.
PATIENCE = 15.0


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
        # Whatever still runs when the tests end would outlive them.
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

        # A pipe cannot be read for a limited time; a thread can be waited for so.
        threading.Thread(target=read, args=[self._process.stdout], daemon=True).start()
        line = lines.get(timeout=PATIENCE)
        if line.strip() != f"playground listens on {self.url}":
            raise RuntimeError(f"the playground did not start: {line!r}")

    def stop(self, how):
        """Returns when the process is gone, killed or asked to go."""
        if self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)

    def restart(self, how):
        """In a test with an event loop: `await asyncio.to_thread(...)`, for the client answers the server's close in it."""
        self.stop(how)
        self.start()

    def broadcast(self, topic, event, payload):
        """A broadcast that no client sends."""
        query = urllib.parse.urlencode({"topic": topic, "event": event})
        body = json.dumps(payload).encode()
        with urllib.request.urlopen(f"{self.url}/admin/broadcast?{query}", body, timeout=PATIENCE):
            pass


# Without warning, and with time to send everybody away.
ENDINGS = (signal.SIGKILL, signal.SIGTERM)
