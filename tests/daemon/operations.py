"""What an operator does to a daemon, and what a machine does to it: reloads, ends with clients that do not read, no
descriptors left, and what the log says of a request.

Needs NANOFLOWD (the binary) and NANOFLOW_DEMO_MODEL (a small model).
"""
import os
import re
import resource
import signal
import subprocess
import tempfile
import unittest

from daemon_test import DAEMON, MODEL, DaemonTest, Raw, nf


class Operations(DaemonTest):
    def log_text(self):
        with open(self.log) as log:
            return log.read()

    def test_the_log_has_the_rate_of_the_tokens_after_the_first(self):
        client = self.start()
        answer = client.generate("Once upon a time", stream=False, max_tokens=9, ignore_eos=True)
        one = client.generate("Once upon a time", stream=False, max_tokens=1, ignore_eos=True)
        self.assertEqual(one.usage.completion_tokens, 1)
        self.wait_for(lambda: self.log_text().count(" generated") == 2)
        first, second = [line for line in self.log_text().splitlines() if " generated" in line]
        self.assertAlmostEqual(float(re.search(r"([\d.]+) tokens/s", first)[1]), 8000 / answer.timing.decode_ms, delta=0.06)
        self.assertNotIn("tokens/s", second)

    def test_a_reload_loads_and_unloads_models_and_refuses_a_broken_file(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        endpoint, config = f"ipc://{folder.name}/socket", os.path.join(folder.name, "nanoflowd.toml")
        self.log = os.path.join(folder.name, "log")

        def write(text):
            with open(config, "w") as file:
                file.write(f'kv_memory = "64MiB"\n{text}')

        def reload(text):
            write(text)
            process.send_signal(signal.SIGHUP)

        write("")
        with open(self.log, "w") as log:
            process = subprocess.Popen([DAEMON, "--config", config, "--endpoint", endpoint], stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.wait_for(lambda: " ready" in self.log_text())
        client = nf.Client(endpoint)
        self.addCleanup(client.close)
        self.assertEqual(client.models(), [])
        reload(f'models = ["{MODEL}"]\n')
        self.wait_for(client.models)
        reload("models = [")
        self.wait_for(lambda: "the configuration stays as it was" in self.log_text())
        self.assertEqual(client.generate("Once", stream=False, max_tokens=2).usage.completion_tokens, 2)
        reload("models = []\n")
        self.wait_for(lambda: not client.models())

    def test_a_client_that_does_not_read_cannot_hold_up_the_end(self):
        client = self.start(drain_seconds=1)
        tokens = client.tokenize("word " * 150000)
        deaf = self.raw(receive_hwm=1)
        for i in range(40):  # answers of 0.75 MB each
            deaf.send(op="detokenize", id=i, tokens=tokens)
        client.ping()
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(60), 0)
        self.assertFalse(os.path.exists(self.endpoint.removeprefix("ipc://")), "the socket is gone")

    # It asks by a pipe whether memory may be read, and calls every object a wrong one where there is none.
    @unittest.skipIf(os.environ.get("NANOFLOW_SANITIZED") == "asan", "UBSan itself needs descriptors")
    def test_without_descriptors_it_serves_those_it_has_and_later_the_others(self):
        client = self.start()
        alone = client.generate("Once upon a time", stream=False, max_tokens=100, temperature=0, ignore_eos=True)
        used = len(os.listdir(f"/proc/{self.process.pid}/fd"))
        _, hard = resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (used + 4, hard))
        stream = client.generate("Once upon a time", max_tokens=100, temperature=0, ignore_eos=True)
        crowd = [Raw(self.endpoint) for _ in range(20)]
        for i, raw in enumerate(crowd):
            raw.send(op="ping", id=i)
        self.assertEqual(stream.result().tokens, alone.tokens)
        self.assertIsNone(self.process.poll())
        for raw in crowd:
            raw.close()
        other = self.raw()
        other.send(op="ping", id="other")
        self.assertEqual(other.receive()["event"], "ok")


if __name__ == "__main__":
    unittest.main()
