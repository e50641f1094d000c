"""OpenVINO GenAI's continuous batching, reading the GGUF file itself. Its weights stay in the file's 4 bits."""

import numpy as np
import openvino
import openvino_genai as genai

import workload

# max_num_batched_tokens, and in what the keys and values are kept
SETTINGS = [
    {"batch": 512, "kv": "u8"},
    {"batch": 256, "kv": "u8"},
    {"batch": 1024, "kv": "u8"},
    {"batch": 512, "kv": "f32"},
    {"batch": 512, "kv": "bf16"},
]


class Engine:
    def __init__(self, model, settings, tokens, concurrency):
        scheduler = genai.SchedulerConfig()
        scheduler.max_num_batched_tokens = settings.get("batch", 512)
        scheduler.max_num_seqs = concurrency
        scheduler.dynamic_split_fuse = True  # chunked prefill
        scheduler.enable_prefix_caching = False
        scheduler.num_kv_blocks = tokens // 32 + 2 * concurrency
        self.pipeline = genai.ContinuousBatchingPipeline(
            model, scheduler, "CPU", {"KV_CACHE_PRECISION": settings.get("kv", "u8")}
        )
        self.handles = {}

    def add(self, number, tokens, max_tokens):
        config = genai.GenerationConfig()
        config.max_new_tokens, config.ignore_eos, config.do_sample = max_tokens, True, False
        ids = openvino.Tensor(np.array([tokens], dtype=np.int64))
        self.handles[number] = self.pipeline.add_request(number, ids, config)

    def step(self):
        self.pipeline.step()
        events = []
        for number, handle in list(self.handles.items()):
            new_tokens, done = 0, False
            while handle.can_read():
                for output in handle.read().values():
                    new_tokens += len(output.generated_ids)
                    done = done or output.finish_reason != genai.GenerationFinishReason.NONE
            if new_tokens:
                events.append((number, new_tokens))
            if done:
                del self.handles[number]
        return events


def load(model, settings, requests, concurrency):
    return Engine(model, settings, workload.most_tokens(requests, concurrency) + 256, concurrency)
