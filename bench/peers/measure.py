"""What a peer's process does: load, run a workload step by step, print one JSON object.

A peer runs inside this process, without sockets and without text: no client costs it anything. Its module gives

  load(model, settings, requests, concurrency) -> an engine with
    add(number, tokens, max_tokens)     a request, greedy, whatever its end token says
    step() -> [(number, new_tokens)]    one iteration; who got how many tokens
"""

import argparse
import importlib
import json
import math
import os
import time

import workload as workloads


def percentiles_ms(seconds):
    """Nearest rank, as in client/cli/bench_summary.cpp."""
    ordered = sorted(seconds)
    rank = lambda share: max(1, math.ceil(share * len(ordered))) - 1  # noqa: E731
    return {f"p{int(share * 100)}": ordered[rank(share)] * 1000 if ordered else 0 for share in (0.5, 0.9, 0.99)}


def run(engine, requests, concurrency):
    """Sends as many at once as `concurrency` allows, or when each is due, until all have ended."""
    sent, first, last = {}, {}, {}
    got = [0] * len(requests)
    begin, waiting, live = time.monotonic(), 0, 0
    while waiting < len(requests) or live:
        now = time.monotonic() - begin
        while waiting < len(requests) and live < concurrency and requests[waiting].get("at", 0) <= now:
            request = requests[waiting]
            sent[waiting] = request.get("at", now)
            engine.add(waiting, request["tokens"], request["max_tokens"])
            waiting, live = waiting + 1, live + 1
        if not live:
            time.sleep(min(0.005, requests[waiting]["at"] - now))
            continue
        events = engine.step()
        now = time.monotonic() - begin
        for number, new_tokens in events:
            first.setdefault(number, now)
            last[number] = now
            got[number] += new_tokens
            if got[number] >= requests[number]["max_tokens"]:
                live -= 1
    seconds = time.monotonic() - begin
    output = sum(got)
    expected = sum(request["max_tokens"] for request in requests)
    if output != expected:
        raise RuntimeError(f"{output} tokens came, {expected} were asked for")
    prompts = sum(len(request["tokens"]) for request in requests)
    paced = [number for number in last if got[number] > 1]
    return {
        "requests": len(requests),
        "wall_seconds": seconds,
        "output_tokens_per_s": output / seconds,
        "total_tokens_per_s": (prompts + output) / seconds,
        "ttft_ms": percentiles_ms([first[n] - sent[n] for n in first]),
        "tpot_ms": percentiles_ms([(last[n] - first[n]) / (got[n] - 1) for n in paced]),
    }


def seconds_since_start():
    """Of this process, the interpreter's own start and every import included."""
    with open("/proc/self/stat") as stat:
        ticks = int(stat.read().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("engine")
    parser.add_argument("model")
    parser.add_argument("workload")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--settings", type=json.loads, default={})
    arguments = parser.parse_args()
    requests = workloads.read(arguments.workload)
    module = importlib.import_module(arguments.engine)
    engine = module.load(arguments.model, arguments.settings, requests, arguments.concurrency)
    ready = seconds_since_start()
    run(engine, [{"tokens": list(range(1000, 1064)), "max_tokens": 8}] * 2, 1)  # what is compiled or touched once
    print(json.dumps({"ready_seconds": ready, **run(engine, requests, arguments.concurrency)}))


if __name__ == "__main__":
    main()
