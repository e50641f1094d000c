"""vLLM's engine for CPUs, in bf16. It wants a folder, so the very first run writes the GGUF file's weights as one, which counts
as part of its start."""

import os
import pathlib
import sys

import workload

os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # the engine in this process: its memory counts, too
os.environ["VLLM_CPU_KVCACHE_SPACE"] = "2"  # GiB
os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"

SETTINGS = [{"batch": 512}, {"batch": 2048}]  # max_num_batched_tokens


def folder_of(model):
    """The GGUF file as a folder of safetensors in bf16, beside this environment."""
    folder = pathlib.Path(sys.prefix) / pathlib.Path(model).stem
    if not (folder / "config.json").exists():
        import torch
        from transformers import AutoModelForCausalLM

        file = pathlib.Path(model)
        made = AutoModelForCausalLM.from_pretrained(str(file.parent), gguf_file=file.name, dtype=torch.bfloat16)
        made.hf_quantizer = None  # its weights are dequantised, and may be saved
        made.config.__dict__.pop("quantization_config", None)
        made.save_pretrained(folder)
    return str(folder)


class Engine:
    def __init__(self, model, settings, longest, concurrency):
        from vllm import EngineArgs, LLMEngine

        arguments = EngineArgs(
            model=folder_of(model),
            dtype="bfloat16",
            skip_tokenizer_init=True,
            max_model_len=longest + 64,
            max_num_seqs=concurrency,
            max_num_batched_tokens=max(settings.get("batch", 512), longest + 64),
            enable_prefix_caching=False,
        )
        self.engine = LLMEngine.from_engine_args(arguments)
        self.got = {}

    def add(self, number, tokens, max_tokens):
        from vllm import SamplingParams

        sampling = SamplingParams(temperature=0, max_tokens=max_tokens, ignore_eos=True, detokenize=False)
        self.engine.add_request(str(number), {"prompt_token_ids": tokens}, sampling)
        self.got[str(number)] = 0

    def step(self):
        events = []
        for output in self.engine.step():
            now = len(output.outputs[0].token_ids)
            if now > self.got[output.request_id]:
                events.append((int(output.request_id), now - self.got[output.request_id]))
            self.got[output.request_id] = now
        return events


def load(model, settings, requests, concurrency):
    return Engine(model, settings, max(workload.longest(requests), 128), concurrency)
