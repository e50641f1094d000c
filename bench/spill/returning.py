#!/usr/bin/env python3
"""Conversations that return after their KV pages were evicted: time to the first token with and without a spill file.

    bench/spill/returning.py MODEL.gguf [--daemon build/bin/nanoflowd] [--conversations 8] [--words 1000]

Each conversation is a prompt of its own; all of them together are larger than the KV memory. Every one is asked once,
then each returns with its prompt, its answer and a new question, in the same order, so that the least recently used
page is always the one that is needed next. The answers must be the same with and without spilling.
"""
import argparse
import os
import statistics
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "python"))

import real_daemon  # noqa: E402 - puts the client on the path
import nanoflow_client as nf  # noqa: E402


def words(number, count):
    """Text in which no two conversations have a page in common, nor anything to guess."""
    names = "river stone market window garden letter captain winter silver engine bridge forest island mirror candle".split()
    state, out = number * 7919 + 1, []
    for i in range(count):
        state = (state * 1103515245 + 12345) % (1 << 31)
        out.append(f"{names[state // 65536 % len(names)]}")
        if i % 12 == 11:
            out.append(f"{number}-{i}.")
    return " ".join(out)


def ask(client, prompt):
    """Time to the first token in ms, tokens, text, usage."""
    began = time.monotonic()
    first, tokens, text, stream = None, [], "", client.generate(prompt, max_tokens=8, temperature=0, ignore_eos=True)
    for piece in stream:
        first = first or time.monotonic()
        tokens += piece.tokens
        text += piece.text
    return (first - began) * 1000, tokens, text, stream.result().usage


def run(options, spill):
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        process, endpoint = real_daemon.start(options.daemon, options.model, folder, "--kv-memory", options.kv_memory,
                                              "--spill", spill, "--speculation", "off", XDG_CACHE_HOME=folder)
        try:
            with nf.Client(endpoint) as client:
                ask(client, "Warm up. " * 40)
                prompts = [words(i, options.words) for i in range(options.conversations)]
                first, again, answers = [], [], []
                for prompt in prompts:
                    ms, tokens, text, usage = ask(client, prompt)
                    first.append(ms)
                    answers.append(text)
                for prompt, answer in zip(prompts, list(answers)):
                    ms, tokens, text, usage = ask(client, prompt + answer + " And then what happened?")
                    again.append((ms, tokens, usage.prompt_tokens, usage.cached_tokens))
                spilled = client.status()["pages"]["spilled"]
                pages = client.status()["pages"]["total"]
                counts = {line.split("{")[0]: float(line.rsplit(" ", 1)[1]) for line in client.metrics().splitlines()
                          if line.startswith("nanoflow_spill")}
        finally:
            process.terminate()
            process.wait(60)
        for line in open(os.path.join(folder, "log")):
            if "spill" in line:
                print("   ", line.rstrip())
        return first, again, spilled, pages, counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--daemon", default=os.path.join(ROOT, "build", "bin", "nanoflowd"))
    parser.add_argument("--folder", default=None, help="where the spill file goes")
    parser.add_argument("--conversations", type=int, default=8)
    parser.add_argument("--words", type=int, default=800)
    parser.add_argument("--kv-memory", default="150MiB")
    parser.add_argument("--spill", default="2GiB")
    options = parser.parse_args()
    results = {spill: run(options, spill) for spill in ("off", options.spill)}
    print(f"{'spill':>8}  {'pages':>5}  {'prompt tokens':>13}  {'cached':>6}  {'first ask':>10}  {'return: ms to the first token':>30}")
    for spill, (first, again, spilled, pages, counts) in results.items():
        times = sorted(ms for ms, *_ in again)
        print(f"{spill:>8}  {pages:>5}  {statistics.median(n for _, _, n, _ in again):>13.0f}  "
              f"{statistics.median(c for *_, c in again):>6.0f}  {statistics.median(first):>7.0f} ms  "
              f"{statistics.median(times):>9.0f} ms ({times[0]:.0f} to {times[-1]:.0f})")
        if counts.get("nanoflow_spill_written_pages_total"):
            print(f"          {spilled} pages in the file, {counts['nanoflow_spill_written_pages_total']:.0f} written, "
                  f"{counts['nanoflow_spill_read_pages_total']:.0f} read back")
    tokens = [[t for _, t, _, _ in again] for _, again, *_ in results.values()]
    if any(t != tokens[0] for t in tokens):
        raise SystemExit("the answers differ")
    print("The answers are the same.")


if __name__ == "__main__":
    main()
