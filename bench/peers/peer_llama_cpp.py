"""llama.cpp through llama-cpp-python's low-level calls, with continuous batching as its server does it: the running
sequences' newest tokens first, the rest of the batch are parts of prompts."""

import ctypes

import llama_cpp as c
import numpy as np

import workload

# tokens of a batch, whether all sequences share one cache, flash attention
SETTINGS = [
    {"batch": 512, "unified": False, "flash": True},
    {"batch": 512, "unified": True, "flash": True},
    {"batch": 512, "unified": False, "flash": False},
    {"batch": 256, "unified": False, "flash": True},
]


class Sequence:
    def __init__(self, number, tokens, max_tokens, slot):
        self.number, self.tokens, self.max_tokens, self.slot = number, tokens, max_tokens, slot
        self.position = 0  # tokens in the cache
        self.generated = 0


class Engine:
    def __init__(self, model, settings, cache_tokens, concurrency):
        c.llama_backend_init()
        silent = c.llama_log_callback(lambda level, text, data: None)
        c.llama_log_set(silent, None)
        self.keep = silent
        model_params = c.llama_model_default_params()
        self.model = c.llama_model_load_from_file(model.encode(), model_params)
        params = c.llama_context_default_params()
        self.batch_tokens = settings.get("batch", 512)
        params.n_ctx = cache_tokens + 256 * concurrency
        params.n_batch = params.n_ubatch = self.batch_tokens
        params.n_seq_max = concurrency
        params.n_threads = params.n_threads_batch = settings.get("threads", 2)
        params.kv_unified = settings.get("unified", False)
        params.flash_attn_type = int(settings.get("flash", True))
        self.context = c.llama_init_from_model(self.model, params)
        if not self.context:
            raise RuntimeError("llama.cpp made no context")
        self.memory = c.llama_get_memory(self.context)
        self.vocabulary = c.llama_vocab_n_tokens(c.llama_model_get_vocab(self.model))
        self.batch = c.llama_batch_init(self.batch_tokens, 0, 1)
        self.free = list(range(concurrency))
        self.sequences = []

    def add(self, number, tokens, max_tokens):
        self.sequences.append(Sequence(number, list(tokens), max_tokens, self.free.pop()))

    def put(self, sequence, count, wants_token):
        for i in range(count):
            at, batch = self.batch.n_tokens, self.batch
            batch.token[at] = sequence.tokens[sequence.position + i]
            batch.pos[at] = sequence.position + i
            batch.n_seq_id[at] = 1
            batch.seq_id[at][0] = sequence.slot
            batch.logits[at] = int(wants_token and i == count - 1)
            batch.n_tokens += 1
        sequence.position += count

    def step(self):
        self.batch.n_tokens = 0
        rows = []  # (sequence, row of the batch)
        for sequence in sorted(self.sequences, key=lambda s: len(s.tokens) - s.position > 1):  # decode first
            left = len(sequence.tokens) - sequence.position
            count = min(left, self.batch_tokens - self.batch.n_tokens)
            if count:
                self.put(sequence, count, count == left)
                if count == left:
                    rows.append((sequence, self.batch.n_tokens - 1))
        if c.llama_decode(self.context, self.batch) != 0:
            raise RuntimeError("llama_decode failed")
        events = []
        for sequence, row in rows:
            logits = ctypes.cast(c.llama_get_logits_ith(self.context, row), ctypes.POINTER(ctypes.c_float))
            token = int(np.argmax(np.ctypeslib.as_array(logits, shape=(self.vocabulary,))))
            sequence.tokens.append(token)
            sequence.generated += 1
            events.append((sequence.number, 1))
            if sequence.generated == sequence.max_tokens:
                c.llama_memory_seq_rm(self.memory, sequence.slot, -1, -1)
                self.free.append(sequence.slot)
                self.sequences.remove(sequence)
        return events


def load(model, settings, requests, concurrency):
    if settings.get("unified"):
        tokens = workload.most_tokens(requests, concurrency) + 256
    else:
        tokens = max(workload.longest(requests), 128) * concurrency
    return Engine(model, settings, tokens, concurrency)
