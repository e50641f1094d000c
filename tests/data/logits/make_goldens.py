"""Makes the small models of this folder and what transformers answers on them.

usage: python make_goldens.py [NAME...]      (needs torch, transformers 5, gguf; rewrites this folder)
"""
import pathlib
import shutil
import sys

import torch
import transformers

import forward
import gguf_models
import hf_models

HERE = pathlib.Path(__file__).parent


def main(names):
    torch.set_num_threads(1)
    transformers.logging.disable_progress_bar()
    for seed, (name, parts) in enumerate(hf_models.MODELS.items(), start=1):
        if names and name not in names:
            continue
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        hf_models.save(folder, *parts, seed=seed)
        forward.write_goldens(hf_models.load(folder), HERE / name, seed=1000 + seed)
    for seed, (name, parts) in enumerate(gguf_models.MODELS.items(), start=101):
        if not names or name in names:
            model = gguf_models.save(HERE / f"{name}.gguf", *parts, seed=seed)
            forward.write_goldens(model, HERE / name, seed=1000 + seed)


if __name__ == "__main__":
    main(sys.argv[1:])
