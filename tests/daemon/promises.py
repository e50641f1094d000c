"""DESIGN's promises 1 to 6, asked of a real daemon.

Needs NANOFLOWD (the binary) and NANOFLOW_DEMO_MODEL (a small model). The simulated device computes where
nothing has to take time.
"""
import collections
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
import unittest

import msgpack

from daemon_test import MIB, SANITIZED, DaemonTest, nf

CLIENT = os.path.dirname(os.path.dirname(os.path.abspath(nf.__file__)))


class Promises(DaemonTest):
    # ---- 1, 6, 8: a stream is what it is alone, and ends once ------------------------------------------------

    def streams_are_what_each_is_alone(self, prefix_cache):
        client = self.start(prefix_cache=prefix_cache)
        begin = "A long beginning that all of them have in common, " * (4 if SANITIZED else 8)
        prompts = [begin * (i % 2) + f"story number {i}:" for i in range(32)]
        part = 4 if SANITIZED else 1
        options = [dict(max_tokens=(16 + i) // part, temperature=0.8 * (i % 3), seed=i) for i in range(32)]
        alone = [client.generate(p, stream=False, **o).tokens for p, o in zip(prompts, options)]
        raw = self.raw()
        for i, (prompt, option) in enumerate(zip(prompts, options)):
            raw.send(op="generate", id=i, prompt=prompt, **option)
        tokens, ends = collections.defaultdict(list), collections.Counter()
        while len(ends) < 32:
            event = raw.receive()
            if event["event"] == "tokens":
                self.assertEqual(ends[event["id"]], 0, "tokens after the end")
                tokens[event["id"]] += event["tokens"]
            elif event["event"] in ("done", "error"):
                self.assertEqual(event["event"], "done", event)
                ends[event["id"]] += 1
        raw.send(op="ping", id="last")
        self.assertEqual(raw.receive()["id"], "last", "nothing ends twice")
        self.assertEqual([tuple(tokens[i]) for i in range(32)], alone)
        self.assertEqual(set(ends.values()), {1})
        self.wait_idle(client)

    def test_32_streams_with_the_prefix_cache_are_what_each_is_alone(self):
        self.streams_are_what_each_is_alone(True)

    def test_32_streams_without_the_prefix_cache_are_what_each_is_alone(self):
        self.streams_are_what_each_is_alone(False)

    def test_a_conversation_that_returns_after_its_eviction_goes_on_as_it_would_have(self):
        stories = [f"Story {i}. " + f"On day {i} the captain of ship {i * 7} wrote in the log. " * 50 for i in range(4)]
        answers, cached, read = {}, {}, {}
        for spill in ("off", "1GiB"):
            client = self.start("--spill", spill, "--kv-memory", "32MiB")
            first = [client.generate(s, stream=False, max_tokens=8, temperature=0) for s in stories]
            again = [client.generate(s + a.text + " And then", stream=False, max_tokens=24, temperature=0.7, seed=3)
                     for s, a in zip(stories, first)]
            answers[spill] = [a.tokens for a in first + again]
            cached[spill] = [a.usage.cached_tokens for a in again]
            counts = dict(line.split() for line in client.metrics().splitlines() if line.startswith("nanoflow_spill"))
            read[spill] = sum(int(float(n)) for name, n in counts.items() if "read" in name)
            self.wait_idle(client)
        self.assertEqual(answers["1GiB"], answers["off"])
        self.assertLess(cached["off"][0], 64)
        self.assertGreater(min(cached["1GiB"]), 400)
        self.assertGreater(sum(cached["1GiB"]), 2 * sum(cached["off"]))
        self.assertGreater(read["1GiB"], 20)

    def test_guessed_tokens_are_those_of_one_at_a_time(self):
        text = "The nine red boats of Anna Petrova left Port Clarence on 14 May and came back on 2 June. "
        prompts = [f"Copy this text three times.\n{text}\n{text}\nThe", "Once upon a time", "1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2,"]
        options = [dict(temperature=0), dict(temperature=0.7, seed=5), dict(temperature=0, frequency_penalty=0.3, logprobs=2),
                   dict(temperature=0, stop=["Anna Petrova left", "4, 5, 1"]), dict(temperature=0.5, seed=1, n=3)]
        answers, guesses = {}, {}
        for speculation in ("off", "auto"):
            client = self.start("--speculation", speculation)
            ask = [(p, dict(o, max_tokens=30 if SANITIZED else 100)) for p in prompts for o in options]
            alone = [client.generate(p, stream=False, **o) for p, o in ask]
            streams = [client.generate(p, **o) for p, o in ask[:4]]  # four at once
            answers[speculation] = [
                [(c.text, c.tokens, c.logprobs, c.finish_reason) for c in answer.choices]
                for answer in alone + [stream.result() for stream in streams]]
            counts = dict(line.split() for line in client.metrics().splitlines() if "_tokens_total{" in line)
            guesses[speculation] = [next(int(float(n)) for name, n in counts.items() if kind in name)
                                    for kind in ("drafted", "accepted")]
            self.wait_idle(client)
        self.assertEqual(answers["auto"], answers["off"])
        self.assertEqual(answers["auto"][15:], answers["auto"][:4], "beside others as alone")
        self.assertEqual(guesses["off"], [0, 0])
        drafted, accepted = guesses["auto"]
        self.assertGreater(accepted, 10 if SANITIZED else 100)
        self.assertGreater(drafted, accepted)

    # ---- 1, 2, 4: many at once -------------------------------------------------------------------------------

    def test_5000_requests_at_once_end_once_each_in_bounded_memory(self):
        pages = 64 * MIB
        client = self.start("--kv-memory", str(pages), max_waiting=1000)
        client.generate("warm", max_tokens=2, stream=False)
        idle = self.resident()
        raw = self.raw()
        for i in range(5000):
            raw.send(op="generate", id=i, prompt=f"number {i}", max_tokens=2, temperature=0)
        ends, most = {}, 0
        while len(ends) < 5000:
            event = raw.receive()
            if event["event"] in ("done", "error"):
                self.assertNotIn(event["id"], ends)
                ends[event["id"]] = event.get("code", event.get("finish_reason"))
                if len(ends) % 100 == 0:
                    most = max(most, self.resident())
        raw.send(op="ping", id="last")
        self.assertEqual(raw.receive()["id"], "last", "nothing ends twice")
        counted = collections.Counter(ends.values())
        print(f"\n5000 requests: {dict(counted)}; resident {idle / MIB:.0f} MiB idle, {most / MIB:.0f} MiB at most")
        self.assertLessEqual(set(counted), {"length", "stop", "overloaded"})
        self.assert_memory(most, idle * 1.2 + pages)
        self.wait_idle(client)

    def test_overload_is_answered_at_once(self):
        client = self.start(max_waiting=2, max_sequences=2, max_step_tokens=64)
        raw = self.raw()
        for i in range(4):
            raw.send(op="generate", id=i, prompt="Once", max_tokens=8000, ignore_eos=True)
        self.wait_for(lambda: len(client.status()["requests"]) == 4)
        other, took = self.raw(), []
        for i in range(20):
            begin = time.monotonic()
            other.send(op="generate", id=i, prompt="x")
            event = other.receive()
            took.append((time.monotonic() - begin) * 1000)
            self.assertEqual((event["event"], event["code"]), ("error", "overloaded"))
            self.assertGreater(event["retry_after_ms"], 0)
        print(f"\noverloaded after {min(took):.1f} to {max(took):.1f} ms")
        self.assertLess(sorted(took)[len(took) // 2], 50)

    # ---- 3: cancel and death free pages ----------------------------------------------------------------------

    def test_a_cancel_frees_pages(self):
        client = self.start()
        streams = [client.generate("Once upon a time", max_tokens=4000, ignore_eos=True, seed=i) for i in range(8)]
        for stream in streams:
            next(stream)
        for stream in streams:
            client.cancel(stream)
        self.assertEqual({s.result().finish_reason for s in streams}, {"cancelled"})
        self.wait_idle(client, 5)

    def test_a_users_other_client_may_cancel_by_number(self):
        client = self.start()
        stream = client.generate("Once upon a time", max_tokens=4000, ignore_eos=True)
        next(stream)
        with nf.Client(self.endpoint) as other:
            other.cancel(other.status()["requests"][0]["number"])
        self.assertEqual(stream.result().finish_reason, "cancelled")

    def test_a_killed_client_frees_pages(self):
        client = self.start()
        program = textwrap.dedent("""
            import sys, nanoflow_client as nf
            client = nf.Client(sys.argv[1])
            streams = [client.generate("Once upon a time", max_tokens=4000, ignore_eos=True) for _ in range(8)]
            for stream in streams: next(stream)
            print("running", flush=True)
            for stream in streams: stream.result()
            """)
        victim = subprocess.Popen([sys.executable, "-c", program, self.endpoint], stdout=subprocess.PIPE,
                                  env={**os.environ, "PYTHONPATH": CLIENT})
        self.assertEqual(victim.stdout.readline(), b"running\n")
        victim.kill()
        victim.wait()
        victim.stdout.close()
        self.wait_idle(client, 5)

    # ---- 4: who does not read --------------------------------------------------------------------------------

    def test_a_client_that_does_not_read_costs_little_and_hears_why(self):
        client = self.start()
        text = "word " * 150000
        tokens = client.tokenize(text)
        client.generate("warm", max_tokens=2, stream=False)
        idle = self.resident()
        deaf = self.raw(receive_hwm=1)
        deaf.send(op="generate", id="g", prompt="Once upon a time", max_tokens=8000, ignore_eos=True)
        for i in range(60):  # answers of 0.75 MB each
            deaf.send(op="detokenize", id=i, tokens=tokens)
        self.wait_for(lambda: not client.status()["running"])
        self.assert_memory(self.resident(), idle + 160 * MIB)
        ends = []
        while "g" not in ends:
            event = deaf.receive()
            if event["event"] == "error" and event["id"] == "g":
                self.assertEqual(event["code"], "too_slow")
                ends.append("g")
        self.wait_idle(client)

    # ---- 6: bad bytes beside a neighbour ---------------------------------------------------------------------

    def test_bad_bytes_do_not_disturb_a_neighbour(self):
        client = self.start()
        options = dict(max_tokens=200, temperature=0.7, seed=3, ignore_eos=True)
        alone = client.generate("Once upon a time", **options).result()
        stream = client.generate("Once upon a time", **options)
        generator = random.Random(4)
        good = [msgpack.packb(m) for m in (
            {"op": "generate", "id": 1, "prompt": "a", "max_tokens": 1, "stop": ["b"], "logit_bias": {3: 1.0}},
            {"op": "generate", "id": "x", "messages": [{"role": "user", "content": "a"}], "max_tokens": 1},
            {"op": "tokenize", "id": 2, "text": "text"}, {"op": "hello", "id": 3, "version": 1},
            {"op": "cancel", "id": 4, "target": 9}, {"op": "status", "id": 5}, {"op": "trace", "id": 6, "seconds": 0})]
        rude = self.raw()
        for i in range(3000):
            message = bytearray(generator.choice(good))
            for _ in range(generator.randrange(4)):
                message[generator.randrange(len(message))] = generator.randrange(256)
            if generator.random() < 0.2:
                message = message[:generator.randrange(len(message) + 1)]
            if generator.random() < 0.1:
                message = bytearray(generator.randbytes(generator.randrange(200)))
            rude.socket.send_multipart([bytes(message)] * (1 if i % 50 else 1000))
        disturbed = stream.result()
        self.assertEqual((disturbed.tokens, disturbed.text), (alone.tokens, alone.text))
        self.assertIsNone(self.process.poll())
        self.wait_idle(client)

    def test_a_frame_that_is_too_large_ends_its_connection_only(self):
        client = self.start("--device", "simulated")
        rude = self.raw()
        rude.socket.send(b"\x81" + bytes(5 * MIB))
        client.ping()
        self.assertLess(self.resident(), 2048 * MIB)

    # ---- 5: the end ------------------------------------------------------------------------------------------

    def test_sigterm_refuses_new_requests_and_ends_running_ones_at_the_deadline(self):
        client = self.start(drain_seconds=1)
        stream = client.generate("Once upon a time", max_tokens=8000, ignore_eos=True)
        next(stream)
        self.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        with self.assertRaises(nf.NanoflowError) as refused:
            client.generate("new", stream=False)
        self.assertEqual(refused.exception.code, "shutdown")
        with self.assertRaises(nf.NanoflowError) as ended:
            stream.result()
        self.assertEqual(ended.exception.code, "shutdown")
        self.assertEqual(self.process.wait(30), 0)

    def test_sigterm_of_an_idle_daemon_ends_it(self):
        self.start(drain_seconds=30)
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(20), 0)
        self.assertLess(time.monotonic() - begin, 15)


if __name__ == "__main__":
    unittest.main()
