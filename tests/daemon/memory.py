"""Peak memory: what the packed weights and the configured pages take, and a tenth more.

Needs NANOFLOWD (the binary) and NANOFLOW_DEMO_MODEL (a small model).
"""
import unittest

from daemon_test import MIB, SANITIZED, DaemonTest
from real_daemon import memory

PAGES_MIB = 128 if SANITIZED else 256


class PeakMemory(DaemonTest):
    def test_at_full_load(self):
        """From its start, so loading counts, until every page was used.

        VmHWM counts all that was resident at one moment: anonymous memory (weights, pages, heap), and what is mapped
        from files (the model while it is read, the program, its libraries).
        """
        client = self.start("--kv-memory", f"{PAGES_MIB}MiB")
        loaded = memory(self.process.pid)
        status = client.status()
        while status["pages"]["cached"] < 0.95 * status["pages"]["total"]:
            begin = status["uptime"]  # no two prompts have a page in common
            streams = [client.generate(f"{begin} {i}: " + "a word, " * 400, max_tokens=2) for i in range(4)]
            for stream in streams:
                stream.result()
            status = client.status()
        full, held = memory(self.process.pid), status["memory"]["model_bytes"]  # weights, pages, workspace
        print(f"\nloaded: peak {loaded['VmHWM'] / MIB:.0f} MiB, of files {loaded['RssFile'] / MIB:.0f}; all pages used: "
              f"peak {full['VmHWM'] / MIB:.0f} MiB, now {full['RssAnon'] / MIB:.0f} and of files "
              f"{full['RssFile'] / MIB:.0f}; weights, pages and workspace {held / MIB:.0f}")
        self.assertGreater(full["RssAnon"], 0.95 * PAGES_MIB * MIB, "pages were touched")
        if not SANITIZED:
            self.assertLess(loaded["RssFile"], 64 * MIB, "the model's file was packed and is forgotten")
            self.assertLess(full["VmHWM"], 1.1 * held)


if __name__ == "__main__":
    unittest.main()
