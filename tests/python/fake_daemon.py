"""A daemon for the client's tests: a ROUTER that answers as docs/protocol.md says, from a script of its own.

It speaks msgpack by itself and shares no code with the client.
"""
import os
import shutil
import sys
import tempfile
import threading
import time

import msgpack
import zmq

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "client", "python"))


class FakeDaemon:
    """Streams the prompt's words back, one a `tokens` event. Some prompts ask for something special:
    "forever" never ends, "slow N" waits N seconds between words, "fail" is refused, "silent" gets no answer.
    """

    def __init__(self, folder=None, keys=None):
        """`keys` (public, secret): listens on a TCP port with CURVE instead."""
        self._keys = keys
        self.version = 1
        self._stopping = threading.Lock()
        self._own = None if folder else tempfile.mkdtemp(prefix="nanoflow-test-")
        self.folder = folder or self._own
        self.path = os.path.join(self.folder, "nanoflowd.sock")
        self.endpoint = "ipc://" + self.path
        self.requests = []  # every request as it came
        self.live = {}  # (peer, id) -> how many words it has got
        self.cancelled = threading.Event()
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(5)

    def stop(self):
        """Goes away as a killed daemon does: the connections break."""
        with self._stopping:
            self._stop.set()
            self._thread.join(5)
            own, self._own = self._own, None
            if own:
                shutil.rmtree(own, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _run(self):
        context = zmq.Context()
        router = context.socket(zmq.ROUTER)
        router.setsockopt(zmq.LINGER, 0)
        os.makedirs(self.folder, exist_ok=True)
        if self._keys:
            router.curve_publickey, router.curve_secretkey = self._keys
            router.curve_server = True
            self.endpoint = f"tcp://127.0.0.1:{router.bind_to_random_port('tcp://127.0.0.1')}"
        else:
            router.bind(self.endpoint)
        self._ready.set()
        while not self._stop.is_set():
            while router.poll(5 if not self.live else 1):
                peer, data = router.recv_multipart()
                self._answer(router, peer, msgpack.unpackb(data, strict_map_key=False))
            for peer, request_id in list(self.live):
                self._step(router, peer, request_id)
        router.close()
        context.term()

    def _send(self, router, peer, event, request_id, **fields):
        router.send_multipart([peer, msgpack.packb({"event": event, "id": request_id, **fields})])

    def _answer(self, router, peer, request):
        self.requests.append(request)
        op, request_id = request["op"], request["id"]
        say = lambda event, **fields: self._send(router, peer, event, request_id, **fields)
        if op == "generate":
            self._generate(router, peer, request, say)
        elif op == "cancel":
            target = self.live.pop((peer, request["target"]), None)
            if target is None:
                return say("error", code="not_found", message=f"target: {request['target']} does not run")
            self.cancelled.set()
            say("ok")
            self._send(router, peer, "done", request["target"], finish_reason="cancelled",
                       usage={"prompt_tokens": 1, "cached_tokens": 0, "completion_tokens": 1})
        elif op == "load":
            for done in (50, 100):
                if request.get("progress"):
                    say("progress", state="loading", done_bytes=done, total_bytes=100)
            say("ok", models=[{"name": request.get("name", "x"), "path": request.get("path", ""), "new": 1}])
        elif op == "tokenize":
            say("ok", tokens=[len(word) for word in request["text"].split()])
        elif op == "detokenize":
            say("ok", text=" ".join(str(token) for token in request["tokens"]))
        elif op == "apply_template":
            say("ok", prompt="|".join(m["role"] + ":" + m["content"] for m in request["messages"]))
        elif op == "models":
            say("ok", models=[{"name": "tiny", "path": "/m/tiny.gguf", "architecture": "llama",
                               "parameters": 7, "dtype": "Q4_1", "context": 64, "pages": 2}])
        elif op == "hello" and self.version != request["version"]:
            say("error", code="unsupported_version", message=f"only version {self.version} is spoken here")
        elif op == "hello":
            say("ok", version=1, server="fake 1", models=["tiny"], limits={"max_message_bytes": 4 << 20})
        elif op == "metrics":
            say("ok", text="nanoflow_requests_total 1\n")
        elif op == "status":
            say("ok", running=len(self.live), waiting=0)
        else:
            say("ok")

    def _generate(self, router, peer, request, say):
        text = request.get("prompt") or " ".join(m["content"] for m in request.get("messages", []))
        words = text.split() or [str(token) for token in request.get("tokens", [])]
        if words[:1] == ["silent"]:
            return
        if words[:1] == ["unreadable"]:
            router.send_multipart([peer, msgpack.packb(
                {"event": "error", "id": None, "code": "bad_message", "message": "not a map"})])
            return
        if words[:1] == ["fail"]:
            return say("error", code="overloaded", message="256 requests wait, the limit is 256",
                       retry_after_ms=70)
        if not request.get("stream", True):
            return say("done", finish_reason="stop", text=text, tokens=list(range(len(words))),
                       usage={"prompt_tokens": len(words), "cached_tokens": 0, "completion_tokens": len(words)},
                       timing={"total_ms": 1.5, "unheard_of": 1})
        say("accepted", prompt_tokens=len(words))
        say("progress", state="prefill", done_tokens=1, prompt_tokens=len(words))
        self.live[(peer, request["id"])] = {"words": words, "at": 0, "n": request.get("n", 1), "due": 0.0}

    def _step(self, router, peer, request_id):
        state = self.live[(peer, request_id)]
        words, at = state["words"], state["at"]
        if time.monotonic() < state["due"]:
            return
        if words[0] == "slow":
            state["due"] = time.monotonic() + float(words[1])
        if at == len(words) and words[0] != "forever":
            del self.live[(peer, request_id)]
            fields = {} if state["n"] == 1 else {"choices": [
                {"finish_reason": "length", "completion_tokens": at}] * state["n"]}
            return self._send(router, peer, "done", request_id, finish_reason="length", usage={
                "prompt_tokens": at, "cached_tokens": 0, "completion_tokens": at * state["n"]}, **fields)
        word = words[at % len(words)]
        for choice in range(state["n"]):
            self._send(router, peer, "tokens", request_id, index=at, tokens=[at], text=word + " ", choice=choice,
                       logprobs=[{"token": at, "logprob": -0.5, "top": [[at, -0.5], [99, -2.0]]}])
        state["at"] += 1
