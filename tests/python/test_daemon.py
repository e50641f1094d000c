"""The client against the real daemon.

Needs NANOFLOWD (the binary) and NANOFLOW_DEMO_MODEL (a small instruct model). `./dev test` sets both.
"""
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import real_daemon  # puts the client on the path

import nanoflow_client as nf

DAEMON, MODEL = os.environ.get("NANOFLOWD"), os.environ.get("NANOFLOW_DEMO_MODEL")
QUESTION = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]


def start(folder, *options):
    """A daemon on a socket of its own; returns it once it answers."""
    return real_daemon.start(DAEMON, MODEL, folder, "--kv-memory", "512MiB", *options)


@unittest.skipUnless(DAEMON and MODEL, "NANOFLOWD and NANOFLOW_DEMO_MODEL are not set")
class RealDaemon(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.process, cls.endpoint = start(cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        try:
            code = cls.process.wait(60)
        except subprocess.TimeoutExpired:
            cls.process.kill()
            code = cls.process.wait()
        sys.stderr.write(open(cls.folder.name + "/log").read()[-2000:] if code else "")
        cls.folder.cleanup()
        assert code == 0, f"the daemon ended with {code} after SIGTERM"

    def setUp(self):
        self.client = nf.Client(self.endpoint)
        self.addCleanup(self.client.close)

    def idle(self):
        """Waits until nothing runs."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            status = self.client.status()
            if not status["running"] and not status["waiting"]:
                return
            time.sleep(0.02)
        self.fail(f"still busy: {status}")

    def test_it_answers_a_question(self):
        reply = self.client.chat(QUESTION, max_tokens=32, temperature=0)
        self.assertIn("Paris", reply.text)
        self.assertEqual(reply.usage.completion_tokens, len(reply.tokens))
        self.assertIn(reply.finish_reason, ("stop", "length"))
        self.assertGreater(reply.timing.total_ms, 0)

    def test_a_stream_says_what_the_whole_reply_says(self):
        options = dict(max_tokens=24, temperature=0)
        whole = self.client.generate("Once upon a time", stream=False, **options)
        stream = self.client.generate("Once upon a time", **options)
        pieces = list(stream)
        self.assertEqual("".join(p.text for p in pieces), whole.text)
        self.assertEqual(tuple(t for p in pieces for t in p.tokens), whole.tokens)
        index = 0
        for piece in pieces:
            if piece.tokens:
                self.assertEqual(piece.index, index)
            index += len(piece.tokens)
        self.assertEqual(stream.usage.prompt_tokens, stream.prompt_tokens)
        self.assertEqual(len(self.client.tokenize("Once upon a time")), stream.prompt_tokens)

    def test_the_tokens_of_an_answer_are_its_text(self):
        text = "Gravity is a force – 重力 – ⚖️ that acts."
        tokens = self.client.tokenize(text, add_special=False)
        self.assertEqual(self.client.detokenize(tokens), text)

    def test_the_template_makes_the_prompt_of_a_chat(self):
        prompt = self.client.apply_template(QUESTION)
        self.assertIn(QUESTION[0]["content"], prompt)
        self.assertGreater(len(prompt), len(QUESTION[0]["content"]))

    def test_a_seed_repeats_and_choices_differ(self):
        ask = lambda: self.client.generate("The sea", max_tokens=16, seed=7, n=3).result()
        first, second = ask(), ask()
        self.assertEqual([c.tokens for c in first.choices], [c.tokens for c in second.choices])
        self.assertEqual(len(first.choices), 3)
        self.assertGreater(len({c.tokens for c in first.choices}), 1)

    def test_logprobs_name_the_greedy_token_first(self):
        reply = self.client.generate("1, 2, 3, 4,", max_tokens=4, temperature=0, logprobs=3).result()
        self.assertEqual(len(reply.logprobs), len(reply.tokens))
        for token, entry in zip(reply.tokens, reply.logprobs):
            self.assertEqual((entry.token, entry.top[0][0], len(entry.top)), (token, token, 3))
            self.assertLessEqual(entry.logprob, 0)

    def test_a_stop_string_is_cut_off(self):
        reply = self.client.generate("1, 2, 3, 4,", max_tokens=32, temperature=0, stop="7").result()
        self.assertEqual(reply.finish_reason, "stop")
        self.assertNotIn("7", reply.text)

    def test_refusals_name_the_field(self):
        for options, name in (({"temperature": -1}, "temperature"), ({"n": 17}, "n"), ({"top_p": 2.0}, "top_p"),
                              ({"stop": [""]}, "stop"), ({"model": "no such model"}, "no such model")):
            with self.assertRaises(nf.NanoflowError) as caught:
                self.client.generate("a", stream=False, **options)
            self.assertIn(name, caught.exception.message)
            self.assertIn(caught.exception.code, ("bad_field", "not_found"))
        with self.assertRaises(nf.NanoflowError) as caught:
            self.client.generate("word " * 20000, stream=False)
        self.assertEqual(caught.exception.code, "prompt_too_long")

    def test_many_streams_at_once_are_what_each_is_alone(self):
        prompts = [f"Count from {i}:" for i in range(16)]
        alone = [self.client.generate(p, max_tokens=12, temperature=0).result().tokens for p in prompts]
        streams = [self.client.generate(p, max_tokens=12, temperature=0) for p in prompts]
        self.assertEqual([s.result().tokens for s in streams], alone)

    def test_breaking_out_frees_the_request(self):
        for _ in self.client.generate("Once upon a time", max_tokens=2000, ignore_eos=True):
            break
        self.idle()

    def test_cancel_ends_a_stream_as_cancelled(self):
        stream = self.client.generate("Once upon a time", max_tokens=2000, ignore_eos=True)
        next(stream)
        self.client.cancel(stream)
        self.assertEqual(stream.result().finish_reason, "cancelled")

    def test_a_client_that_goes_away_frees_its_requests(self):
        with nf.Client(self.endpoint) as other:
            stream = other.generate("Once upon a time", max_tokens=2000, ignore_eos=True)
            next(stream)
        self.idle()

    def test_the_daemon_tells_about_itself(self):
        self.assertEqual(self.client.hello().version, 1)
        self.assertGreater(self.client.models()[0].context, 0)
        self.assertIn("# TYPE", self.client.metrics())
        self.assertIn("requests", self.client.status())
        self.assertGreater(self.client.ping(), 0)

    def test_async(self):
        async def ask():
            async with nf.AsyncClient(self.endpoint) as client:
                replies = await asyncio.gather(*(client.chat(QUESTION, max_tokens=16, temperature=0)
                                                 for _ in range(4)))
                return {reply.text for reply in replies}
        texts = asyncio.run(ask())
        self.assertEqual(len(texts), 1)
        self.assertIn("Paris", texts.pop())


@unittest.skipUnless(DAEMON and MODEL, "NANOFLOWD and NANOFLOW_DEMO_MODEL are not set")
class EndOfTheDaemon(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.process, self.endpoint = start(self.folder)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)

    def test_a_killed_daemon_raises_at_once_and_its_successor_is_found(self):
        with nf.Client(self.endpoint) as client:
            stream = client.generate("Once upon a time", max_tokens=4000, ignore_eos=True)
            next(stream)
            threading.Timer(0.2, self.process.kill).start()
            begin = time.monotonic()
            with self.assertRaises(nf.ConnectionLost):
                stream.result()
            self.assertLess(time.monotonic() - begin, 5)
            with self.assertRaises(nf.NoDaemon):
                client.ping()
            self.process.wait()
            self.process, _ = start(self.folder)
            self.addCleanup(self.process.kill)
            self.assertIn("Paris", client.chat(QUESTION, max_tokens=24, temperature=0).text)

    def test_sigterm_lets_a_short_answer_end(self):
        with nf.Client(self.endpoint) as client:
            stream = client.generate("Once upon a time", max_tokens=40, ignore_eos=True)
            next(stream)
            self.process.send_signal(signal.SIGTERM)
            self.assertEqual(stream.result().usage.completion_tokens, 40)
        self.assertEqual(self.process.wait(40), 0)


if __name__ == "__main__":
    unittest.main()
