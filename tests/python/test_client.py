"""The synchronous client against a fake daemon."""
import gc
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

import zmq
from fake_daemon import FakeDaemon

import nanoflow_client as nf
from nanoflow_client import endpoint as endpoints


class WithDaemon(unittest.TestCase):
    def setUp(self):
        self.daemon = FakeDaemon()
        self.addCleanup(self.daemon.stop)
        self.client = nf.Client(self.daemon.endpoint)
        self.addCleanup(self.client.close)


class Generation(WithDaemon):
    def test_pieces_come_in_order_and_the_end_is_on_the_stream(self):
        stream = self.client.generate("a b c", temperature=0)
        self.assertEqual([(p.text, p.tokens, p.index, p.choice) for p in stream],
                         [("a ", (0,), 0, 0), ("b ", (1,), 1, 0), ("c ", (2,), 2, 0)])
        self.assertEqual(stream.finish_reason, "length")
        self.assertEqual(stream.usage, nf.Usage(3, 0, 3))
        self.assertEqual(stream.prompt_tokens, 3)
        self.assertEqual(stream.progress.state, "prefill")
        self.assertEqual(stream.reply.text, "a b c ")
        self.assertEqual(stream.reply.logprobs[0], nf.Logprob(0, -0.5, ((0, -0.5), (99, -2.0))))

    def test_an_ended_stream_stays_ended_and_is_not_cancelled(self):
        stream = self.client.generate("a")
        list(stream)
        self.assertEqual(list(stream), [])
        stream.close()
        del stream
        self.client.ping()
        self.assertNotIn("cancel", [r["op"] for r in self.daemon.requests])

    def test_every_option_reaches_the_wire_under_its_name_and_none_is_left_out(self):
        options = dict(model="tiny", max_tokens=1, min_tokens=1, temperature=0.5, top_k=3, top_p=0.5, min_p=0.1,
                       presence_penalty=0.1, frequency_penalty=0.2, repetition_penalty=1.1, seed=2**64 - 1,
                       stop=["x"], stop_token_ids=[7], include_stop_str_in_output=True, ignore_eos=True,
                       skip_special_tokens=False, logit_bias={5: -1.0}, logprobs=2, n=2, priority=-1,
                       timeout_ms=1000, max_tpot_ms=50, cache_salt="s")
        self.assertEqual(set(options), set(nf.Options.__annotations__))
        list(self.client.generate("a", **options))
        sent = {k: v for k, v in self.daemon.requests[-1].items() if k not in ("op", "id")}
        self.assertEqual(sent, {**options, "prompt": "a", "stream": True})
        list(self.client.generate("a", seed=None, stop="one"))
        sent = self.daemon.requests[-1]
        self.assertNotIn("seed", sent)
        self.assertEqual(sent["stop"], ["one"])

    def test_a_misspelt_option_is_a_type_error_that_names_the_right_one(self):
        with self.assertRaisesRegex(TypeError, "temprature.*did you mean 'temperature'"):
            self.client.generate("a", temprature=0)
        with self.assertRaisesRegex(TypeError, r"chat\(\)"):
            self.client.chat("a", maxtokens=0)

    def test_prompts_are_text_tokens_or_messages(self):
        message = {"role": "user", "content": "hi"}
        for prompt, field, value in (("a", "prompt", "a"), ([1, 2], "tokens", [1, 2]),
                                     ((1, 2), "tokens", [1, 2]), ([message], "messages", [message])):
            list(self.client.generate(prompt))
            sent = self.daemon.requests[-1]
            self.assertEqual(sent[field], value)
            self.assertEqual({"prompt", "tokens", "messages"} & set(sent), {field})
        for wrong in (b"bytes", 3, None):
            with self.assertRaises(TypeError):
                self.client.generate(wrong)

    def test_a_whole_reply_and_chat(self):
        reply = self.client.generate("a b", stream=False)
        self.assertEqual((reply.text, reply.tokens, reply.finish_reason), ("a b", (0, 1), "stop"))
        self.assertEqual(reply.timing.total_ms, 1.5)
        reply = self.client.chat("hello there")
        self.assertEqual(self.daemon.requests[-1]["messages"], [{"role": "user", "content": "hello there"}])
        self.assertEqual((reply.text, reply.usage.completion_tokens), ("hello there", 2))
        pieces = list(self.client.chat([{"role": "user", "content": "x y"}], stream=True))
        self.assertEqual("".join(p.text for p in pieces), "x y ")

    def test_each_choice_is_put_together_by_itself(self):
        reply = self.client.generate("a b", n=3).result()
        self.assertEqual([(c.text, c.tokens, c.finish_reason) for c in reply.choices],
                         [("a b ", (0, 1), "length")] * 3)
        self.assertEqual(reply.usage.completion_tokens, 6)

    def test_a_refusal_carries_its_code_and_the_time_to_wait(self):
        for stream in (True, False):
            with self.assertRaises(nf.NanoflowError) as caught:
                list(self.client.generate("fail", stream=stream))
            self.assertEqual((caught.exception.code, caught.exception.retry_after_ms), ("overloaded", 70))
            self.assertIn("256", caught.exception.message)

    def test_an_error_without_an_id_ends_the_request_that_could_not_be_read(self):
        with self.assertLogs("nanoflow_client"), self.assertRaises(nf.NanoflowError) as caught:
            list(self.client.generate("unreadable"))
        self.assertEqual(caught.exception.code, "bad_message")

    def test_a_request_over_the_limit_is_refused_before_it_is_sent(self):
        with self.assertRaisesRegex(nf.NanoflowError, "4194304"):
            self.client.generate("x" * (4 << 20))
        self.assertEqual(self.client.ping() < 5, True)

    def test_requests_run_at_once_on_one_client(self):
        streams = [self.client.generate(f"{i} x {i}") for i in range(20)]
        while streams:  # read in turns, last first
            for stream in reversed(list(streams)):
                if next(stream, None) is None:
                    number = stream.reply.text.split()[0]
                    self.assertEqual(stream.reply.text, f"{number} x {number} ")
                    streams.remove(stream)

    def test_a_stream_keeps_its_client(self):
        pieces = list(nf.Client(self.daemon.endpoint).generate("a b"))
        self.assertEqual(len(pieces), 2)

    def test_a_program_may_end_without_closing_anything(self):
        program = ("import sys, fake_daemon, nanoflow_client as nf; client = nf.Client(sys.argv[1]); "
                   "stream = client.generate('forever'); next(stream); print('end')")
        ran = subprocess.run([sys.executable, "-c", program, self.daemon.endpoint], capture_output=True,
                             text=True, timeout=20, cwd=os.path.dirname(os.path.abspath(__file__)))
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (0, "end\n", ""))

    def test_threads_share_a_client(self):
        replies = {}
        def ask(i):
            replies[i] = self.client.generate(f"{i} w").result().text
        threads = [threading.Thread(target=ask, args=(i,)) for i in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        self.assertEqual(replies, {i: f"{i} w " for i in range(16)})


class Cancelling(WithDaemon):
    def test_breaking_out_of_the_loop_cancels(self):
        for count, _ in enumerate(self.client.generate("forever")):
            if count == 3:
                break
        gc.collect()
        self.assertTrue(self.daemon.cancelled.wait(5))
        self.assertEqual(self.client.ping() < 5, True)

    def test_close_and_with_cancel(self):
        for leave in ("close", "with"):
            self.daemon.cancelled.clear()
            stream = self.client.generate("forever")
            next(stream)
            if leave == "close":
                stream.close()
            else:
                with stream:
                    pass
            self.assertTrue(self.daemon.cancelled.wait(5))
            self.assertEqual(list(stream), [])

    def test_an_exception_in_the_loop_cancels(self):
        with self.assertRaises(KeyError):
            for _ in self.client.generate("forever"):
                raise KeyError
        self.assertTrue(self.daemon.cancelled.wait(5))

    def test_cancel_ends_the_stream_as_cancelled(self):
        stream = self.client.generate("forever")
        next(stream)
        self.client.cancel(stream)
        self.assertEqual(stream.result().finish_reason, "cancelled")
        with self.assertRaises(nf.NanoflowError) as caught:
            self.client.cancel(stream.id)
        self.assertEqual(caught.exception.code, "not_found")


class OtherOperations(WithDaemon):
    def test_another_version_of_the_wire_is_named(self):
        self.daemon.version = 2
        with nf.Client(self.daemon.endpoint) as client, self.assertRaises(nf.NanoflowError) as caught:
            client.generate("silent").result()
        self.assertEqual(caught.exception.code, "unsupported_version")

    def test_a_request_after_the_refusal_hears_of_it_too(self):
        self.daemon.version = 2
        with nf.Client(self.daemon.endpoint) as client:
            deadline = time.monotonic() + 5
            while not client._connection.lost and time.monotonic() < deadline:
                time.sleep(0.01)
            with self.assertRaises(nf.NanoflowError) as caught:
                client._connection.request("generate", {"prompt": "silent"}, lambda event: None)
            self.assertEqual(caught.exception.code, "unsupported_version")
            with self.assertRaises(nf.NanoflowError) as caught:
                client.generate("silent").result()
        self.assertEqual(caught.exception.code, "unsupported_version")

    def test_each_returns_what_the_daemon_said(self):
        client = self.client
        self.assertEqual(client.tokenize("ab c", add_special=False), [2, 1])
        self.assertEqual(client.detokenize([1, 2]), "1 2")
        self.assertEqual(client.apply_template("hi"), "user:hi")
        self.assertEqual(client.metrics(), "nanoflow_requests_total 1\n")
        self.assertEqual(client.status(), {"running": 0, "waiting": 0})
        self.assertEqual(client.hello().version, 1)
        self.assertGreater(client.ping(), 0)
        self.assertEqual(client.models()[0], nf.Model("tiny", "/m/tiny.gguf", "llama", 7, "Q4_1", 64, 2))

    def test_load_reports_progress_and_makes_paths_absolute(self):
        seen = []
        loaded = self.client.load(path="x.gguf", on_progress=seen.append)
        self.assertEqual([p.done_bytes for p in seen], [50, 100])
        self.assertEqual(loaded[0].path, os.path.abspath("x.gguf"))
        self.assertEqual(loaded[0].fields["new"], 1)
        self.assertEqual(self.client.load("tiny", kv_memory="1GiB")[0].name, "tiny")
        self.assertEqual(self.daemon.requests[-1]["kv_memory"], "1GiB")
        with self.assertRaises(TypeError):
            self.client.load()


class LosingTheDaemon(WithDaemon):
    def test_a_running_stream_raises_at_once(self):
        stream = self.client.generate("forever")
        next(stream)
        threading.Timer(0.1, self.daemon.stop).start()
        begin = time.monotonic()
        with self.assertRaises(nf.ConnectionLost):
            for _ in stream:
                pass
        self.assertLess(time.monotonic() - begin, 3)

    def test_a_request_without_any_answer_raises_too(self):
        waiting = [self.client.generate("silent") for _ in range(3)]
        self.daemon.stop()
        for stream in waiting:
            with self.assertRaises(nf.ConnectionLost):
                next(stream)

    def test_the_next_call_says_that_no_daemon_is_there_and_finds_a_new_one(self):
        self.client.ping()
        self.daemon.stop()
        deadline = time.monotonic() + 5
        while not self.client._connection.lost and time.monotonic() < deadline:
            time.sleep(0.01)
        with self.assertRaises(nf.NoDaemon):
            self.client.ping()
        with FakeDaemon(self.daemon.folder):
            self.assertEqual(self.client.generate("back again").result().text, "back again ")

    def test_a_listener_that_never_speaks_is_no_daemon(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as mute:
            mute.bind(folder + "/s")
            mute.listen()
            begin = time.monotonic()
            with nf.Client(f"ipc://{folder}/s") as client, self.assertRaises(nf.ConnectionLost):
                client.ping()
            self.assertLess(time.monotonic() - begin, 8)

    def test_nobody_at_a_tcp_port_raises(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with nf.Client(f"tcp://127.0.0.1:{port}") as client, self.assertRaises(nf.ConnectionLost):
            client.ping()

    def test_tcp_with_keys_answers_and_without_them_raises(self):
        public, secret = zmq.curve_keypair()
        with FakeDaemon(keys=(public, secret)) as daemon:
            with mock.patch.dict(os.environ, {"NANOFLOW_SERVER_KEY": public.decode()}):
                with nf.Client(daemon.endpoint) as client:
                    self.assertEqual(client.chat("hello").text, "hello")
            with nf.Client(daemon.endpoint) as client, self.assertRaises(nf.ConnectionLost):
                client.ping()

    def test_a_closed_client_raises(self):
        stream = self.client.generate("forever")
        self.client.close()
        with self.assertRaises(nf.ConnectionLost):
            list(stream)
        with self.assertRaises(nf.ConnectionLost):
            self.client.ping()


class FindingTheDaemon(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        environment = {k: v for k, v in os.environ.items() if k != "NANOFLOW_ENDPOINT"}
        patch = mock.patch.dict(os.environ, {**environment, "XDG_RUNTIME_DIR": self.folder}, clear=True)
        patch.start()
        self.addCleanup(patch.stop)

    def test_the_order_is_environment_user_system(self):
        self.assertEqual(nf.default_endpoints(), [f"ipc://{self.folder}/nanoflowd.sock",
                                                  "ipc:///run/nanoflowd/nanoflowd.sock"])
        os.environ["NANOFLOW_ENDPOINT"] = "tcp://127.0.0.1:1"
        self.assertEqual(nf.default_endpoints(), ["tcp://127.0.0.1:1"])
        del os.environ["NANOFLOW_ENDPOINT"], os.environ["XDG_RUNTIME_DIR"]
        self.assertEqual(nf.default_endpoints()[0], f"ipc:///tmp/nanoflowd-{os.getuid()}/nanoflowd.sock")

    def test_a_stale_user_socket_does_not_hide_the_systems(self):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(self.folder + "/nanoflowd.sock")  # the file stays after the close
        with FakeDaemon() as system, mock.patch.object(endpoints, "SYSTEM_ENDPOINT", system.endpoint):
            with nf.Client() as client:
                self.assertEqual(client.endpoint, system.endpoint)
                self.assertGreater(client.ping(), 0)

    def test_without_a_daemon_it_says_where_it_looked_and_what_to_do(self):
        with mock.patch.object(endpoints, "SYSTEM_ENDPOINT", f"ipc://{self.folder}/none"):
            with self.assertRaisesRegex(nf.NoDaemon, "none.*systemctl start nanoflowd"):
                nf.Client()

    def test_a_socket_one_may_not_open_names_its_group(self):
        denied = PermissionError(13, "Permission denied")
        with mock.patch.object(endpoints, "probe", return_value=denied):
            with self.assertRaisesRegex(nf.AccessDenied, "usermod -aG nanoflow"):
                nf.Client(f"ipc://{self.folder}/closed/nanoflowd.sock")


if __name__ == "__main__":
    unittest.main()
