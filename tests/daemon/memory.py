"""Peak memory: what the packed weights and the configured pages take, and a tenth more.

Needs NANOFLOWD (the binary) and NANOFLOW_DEMO_MODEL (a small model).
"""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))

from real_daemon import memory  # noqa: E402 - puts the client on the path
import nanoflow_client as nf  # noqa: E402
import test_daemon  # noqa: E402

DAEMON, MODEL = test_daemon.DAEMON, test_daemon.MODEL
MIB = 1 << 20
SANITIZED = "NANOFLOW_SANITIZED" in os.environ  # its own memory grows with what is freed, and it is slow
PAGES_MIB = 128 if SANITIZED else 256


@unittest.skipUnless(DAEMON and MODEL, "NANOFLOWD and NANOFLOW_DEMO_MODEL are not set")
class PeakMemory(unittest.TestCase):
    def test_at_full_load(self):
        """From its start, so loading counts, until every page was used.

        VmHWM counts all that was resident at one moment: anonymous memory (weights, pages, heap), and what is mapped
        from files (the model while it is read, the program, its libraries).
        """
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        process, endpoint = test_daemon.start(folder.name, "--kv-memory", f"{PAGES_MIB}MiB")
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        client = nf.Client(endpoint)
        self.addCleanup(client.close)
        loaded = memory(process.pid)
        status = client.status()
        while status["pages"]["cached"] < 0.95 * status["pages"]["total"]:
            begin = status["uptime"]  # no two prompts have a page in common
            streams = [client.generate(f"{begin} {i}: " + "a word, " * 400, max_tokens=2) for i in range(4)]
            for stream in streams:
                stream.result()
            status = client.status()
        full, held = memory(process.pid), status["memory"]["model_bytes"]  # weights, pages, workspace
        print(f"\nloaded: peak {loaded['VmHWM'] / MIB:.0f} MiB, of files {loaded['RssFile'] / MIB:.0f}; all pages used: "
              f"peak {full['VmHWM'] / MIB:.0f} MiB, now {full['RssAnon'] / MIB:.0f} and of files "
              f"{full['RssFile'] / MIB:.0f}; weights, pages and workspace {held / MIB:.0f}")
        self.assertGreater(full["RssAnon"], 0.95 * PAGES_MIB * MIB, "pages were touched")
        if not SANITIZED:
            self.assertLess(loaded["RssFile"], 64 * MIB, "the model's file was packed and is forgotten")
            self.assertLess(full["VmHWM"], 1.1 * held)


if __name__ == "__main__":
    unittest.main()
