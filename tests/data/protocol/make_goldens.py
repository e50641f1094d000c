"""Writes goldens.json: messages as Python's msgpack packs them, in hex, beside what they say.

    pip install msgpack; python3 make_goldens.py > goldens.json

The C++ tests decode them, and compare what C++ encodes with them, so that the wire is held by an implementation
that is not ours.
"""
import json
import struct

import msgpack

requests = {
    "hello": {"op": "hello", "id": 1, "version": 1, "client": "test"},
    "generate": {
        "op": "generate", "id": "a", "prompt": "Once upon a time", "model": "m", "stream": False,
        "max_tokens": 64, "min_tokens": 2, "temperature": 0.5, "top_k": 40, "top_p": 0.9, "min_p": 0.05,
        "presence_penalty": 1.5, "frequency_penalty": -1.5, "repetition_penalty": 1.1,
        "seed": 18446744073709551615, "stop": ["\n\n", "Ende"], "stop_token_ids": [2, 70000],
        "include_stop_str_in_output": True, "ignore_eos": True, "skip_special_tokens": False,
        "logit_bias": {5: -100.0, 49151: 2.5}, "logprobs": 3, "n": 2, "priority": -7, "timeout_ms": 30000,
        "max_tpot_ms": 50, "cache_salt": "salz",
    },
    "generate_messages": {
        "op": "generate", "id": 4294967296,
        "messages": [{"role": "system", "content": ""}, {"role": "user", "content": "Grüße 👋"}],
    },
    "generate_tokens": {"op": "generate", "id": "t", "tokens": [0, 127, 128, 65535, 65536, 2147483646]},
    "cancel": {"op": "cancel", "id": 2, "target": "a"},
    "tokenize": {"op": "tokenize", "id": 3, "text": "x", "add_special": False},
    "detokenize": {"op": "detokenize", "id": 4, "tokens": [1, 2, 3]},
    "apply_template": {"op": "apply_template", "id": 5, "model": "m",
                       "messages": [{"role": "user", "content": "hi"}]},
    "models": {"op": "models", "id": 6, "available": True},
    "load": {"op": "load", "id": 7, "name": "smollm2", "context": 4096, "kv_memory": "4GiB", "weights": "f32",
             "progress": True},
    "unload": {"op": "unload", "id": 8, "name": "smollm2"},
    "plan": {"op": "plan", "id": 9, "explain": True},
    "trace": {"op": "trace", "id": 10, "seconds": 2.5},
    "status": {"op": "status", "id": 11},
    "metrics": {"op": "metrics", "id": 12},
    "ping": {"op": "ping", "id": "x" * 64},
}


def f32(value):
    """A double that a float holds exactly: logprobs travel as floats."""
    return struct.unpack("f", struct.pack("f", value))[0]


usage = {"prompt_tokens": 5, "cached_tokens": 4, "completion_tokens": 3}
timing = {"queue_ms": 0.5, "prefill_ms": 12.25, "decode_ms": 100.0, "total_ms": 112.75}
cost = {"flops": 1.5e12, "bytes": 2.5e9, "page_seconds": 0.125}
events = {
    "accepted": {"event": "accepted", "id": 1, "prompt_tokens": 5},
    "progress_waiting": {"event": "progress", "id": 1, "state": "waiting", "position": 3},
    "progress_prefill": {"event": "progress", "id": 1, "state": "prefill", "done_tokens": 512,
                         "prompt_tokens": 2048},
    "progress_loading": {"event": "progress", "id": 1, "state": "loading", "done_bytes": 5000000000,
                         "total_bytes": 9000000000},
    "tokens": {"event": "tokens", "id": "a", "index": 2, "tokens": [7, 300], "text": " Grüße", "choice": 1},
    "done": {"event": "done", "id": "a", "finish_reason": "stop", "usage": usage, "timing": timing, "cost": cost},
    "done_whole": {"event": "done", "id": "a", "finish_reason": "length", "usage": usage, "timing": timing,
                   "cost": cost, "text": "abc", "tokens": [1, 2, 3]},
    "done_choices": {"event": "done", "id": "a", "finish_reason": "stop", "usage": usage, "timing": timing,
                     "cost": cost, "choices": [{"finish_reason": "stop", "completion_tokens": 1},
                                               {"finish_reason": "length", "completion_tokens": 2}]},
    "error": {"event": "error", "id": None, "code": "bad_message", "message": "the message is empty"},
    "error_duplicate": {"event": "error", "id": None, "code": "duplicate_id", "message": "m", "target": 7},
    "error_overloaded": {"event": "error", "id": 7, "code": "overloaded", "message": "m", "retry_after_ms": 50},
    "ok": {"event": "ok", "id": 7, "models": [{"name": "m", "context": 8192, "loaded": True, "none": None}],
           "share": 0.5, "debt": -3},
}


def golden(message):
    return {"message": {k: v for k, v in message.items() if k != "logit_bias"},
            "hex": msgpack.packb(message, use_single_float=False).hex()}


print(json.dumps({"requests": {k: golden(v) for k, v in requests.items()},
                  "events": {k: golden(v) for k, v in events.items()},
                  # msgpack has one switch for all floats, so this message is packed apart, with single ones.
                  "logprobs": {"values": [f32(-0.1), f32(-3.3), f32(-12.5)], "hex": msgpack.packb(
                      {"event": "tokens", "id": 1, "index": 0, "tokens": [5], "text": "x", "choice": 0,
                       "logprobs": [{"token": 5, "logprob": -0.1, "top": [[6, -3.3], [7, -12.5]]}]},
                      use_single_float=True).hex()}}, indent=1))
