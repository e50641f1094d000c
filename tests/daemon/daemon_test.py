"""A daemon of a test's own, and rude clients. Needs NANOFLOWD (the binary) and NANOFLOW_DEMO_MODEL (a small model)."""
import os
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))

import msgpack  # noqa: E402
import zmq  # noqa: E402

import real_daemon  # noqa: E402 - puts the client on the path
import nanoflow_client as nf  # noqa: E402
import test_daemon  # noqa: E402

DAEMON, MODEL = test_daemon.DAEMON, test_daemon.MODEL
MIB = 1 << 20
SANITIZED = "NANOFLOW_SANITIZED" in os.environ  # the model is slow then: fewer tokens; memory grows with what is freed


class Raw:
    """A client without a library, which may be as rude as it likes."""

    def __init__(self, endpoint, receive_hwm=0):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDHWM, 0)
        self.socket.setsockopt(zmq.RCVHWM, receive_hwm)
        self.socket.connect(endpoint)

    def send(self, **request):
        self.socket.send(msgpack.packb(request))

    def receive(self, timeout_s=60):
        if not self.socket.poll(timeout_s * 1000):
            raise TimeoutError("the daemon said nothing")
        return msgpack.unpackb(self.socket.recv(), strict_map_key=False)

    def close(self):
        self.context.destroy(linger=0)


@unittest.skipUnless(DAEMON and MODEL, "NANOFLOWD and NANOFLOW_DEMO_MODEL are not set")
class DaemonTest(unittest.TestCase):  # without them its subclasses are skipped, too
    def start(self, *flags, **keys):
        """A daemon with these flags and keys of its configuration."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log = os.path.join(folder.name, "log")
        self.config = os.path.join(folder.name, "nanoflowd.toml")
        with open(self.config, "w") as file:
            for key, value in keys.items():
                file.write(f"{key} = {str(value).lower()}\n")
        self.process, self.endpoint = test_daemon.start(folder.name, "--config", self.config, *flags)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        client = nf.Client(self.endpoint)
        self.addCleanup(client.close)
        return client

    def raw(self, **options):
        raw = Raw(self.endpoint, **options)
        self.addCleanup(raw.close)
        return raw

    def resident(self):
        return real_daemon.memory(self.process.pid)["VmRSS"]

    def assert_memory(self, bytes, limit):
        if not SANITIZED:
            self.assertLess(bytes, limit)

    def wait_idle(self, client, seconds=60):
        """Until nothing runs; then free pages equal total pages."""
        def is_idle():
            status = client.status()
            return not status["requests"] and status["pages"]["free"] == status["pages"]["total"]
        self.wait_for(is_idle, seconds)

    def wait_for(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"not after {seconds} s")
            time.sleep(0.02)
