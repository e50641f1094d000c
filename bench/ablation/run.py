#!/usr/bin/env python3
"""What each feature is worth: the daemon with it and without it, in turn, on a workload that the feature is made for and, where
one exists, on one that it is not made for.

  bench/ablation/run.py MODEL.gguf [--rounds 3] [--only batching,speculation]

One line each: output tokens/s with and without, their ratio, and the same for the median time to the first token. The tokens
are the same with and without, as tests check; here only time is measured.
"""

import argparse
import pathlib
import random
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "peers"))
import run as peers  # noqa: E402
import workload as workloads  # noqa: E402


def shared_beginning(count=32, shared=512, own=32, answer=32):
    """Requests that begin with the same tokens, as those of one program do."""
    random_ = random.Random("shared")
    prompt = [random_.randrange(1000, 40000) for _ in range(shared)]
    return [{"tokens": prompt + [random_.randrange(1000, 40000) for _ in range(own)], "max_tokens": answer} for _ in range(count)]


def repeating(answer=256):
    """Greedy answers of a small model to tokens that repeat: it goes on with them."""
    pattern = [random.Random("repeating").randrange(1000, 40000) for _ in range(16)]
    return [{"tokens": pattern * 8, "max_tokens": answer} for _ in range(4)]


LMSYS = ("LMSYS lengths, 64 at once", lambda: workloads.make("lmsys")[:96], 64)
ONE = ("one stream, made-up prompts", lambda: workloads.make("one"), 1)
FEATURES = [  # name, (workload, requests, how many at once), keys that switch it off
    ("batching", ("LMSYS lengths, 16 requests", lambda: workloads.make("lmsys")[:16], 16), {"max_sequences": 1}),
    ("prefix cache", ("512 shared tokens, 8 at once", shared_beginning, 8), {"prefix_cache": False}),
    ("overlap", LMSYS, {"overlap": False}),
    ("speculation", ("one stream that repeats itself", repeating, 1), {"speculation": "off"}),
    ("speculation", ONE, {"speculation": "off"}),
]


def measure(model, file, concurrency, settings):
    result = peers.run_nanoflow(model, file, concurrency, settings)
    return result["output_tokens_per_s"], result["ttft_ms"]["p50"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="names of features, by commas")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",") if arguments.only else None
    print(f"{'':14} {'':32} {'output tokens/s':>19} {'':>7} {'TTFT p50, ms':>19}")
    print(f"{'feature':14} {'workload':32} {'with':>9} {'without':>9} {'':>7} {'with':>9} {'without':>9}")
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/workload"
        for name, (title, make, concurrency), off in FEATURES:
            if wanted and name not in wanted:
                continue
            workloads.write(file, make())
            measured = {True: [], False: []}
            for round_ in range(arguments.rounds):
                for on in (round_ % 2 == 0, round_ % 2 == 1):
                    measured[on].append(measure(arguments.model, file, concurrency, {} if on else off))
            speed, ttft = ({on: statistics.median(m[i] for m in measured[on]) for on in measured} for i in (0, 1))
            print(
                f"{name:14} {title:32} {speed[True]:9.1f} {speed[False]:9.1f} {speed[True] / speed[False]:6.2f}x"
                f" {ttft[True]:9.1f} {ttft[False]:9.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
