"""Workloads: requests with lengths as people send them, the same for every engine.

A workload file has one JSON object a line, as `nanoflow bench --workload` reads it:
  {"tokens": [ids], "max_tokens": N, "at": seconds}
`at` is when the request arrives; without it requests come as fast as the concurrency allows.
"""

import json
import math
import random

# name: mean tokens of a prompt, mean tokens of an answer, requests, how many at once
MIXES = {
    "lmsys": (102, 222, 128, 64),  # means of LMSYS-Chat-1M
    "sharegpt": (246, 322, 128, 64),  # means of ShareGPT
    "prompt512": (512, 1, 6, 1),  # one prompt at a time: the time to its first token
    "one": (32, 256, 4, 1),  # one stream
}
SPREAD = {"lmsys", "sharegpt"}  # lengths vary as in conversations; elsewhere they are all the mean
LONGEST = 1024


def lengths(mean, count, random_):
    """Log-normal, as lengths in conversations are, cut to 4 .. LONGEST, with the given mean."""
    drawn = [random_.lognormvariate(0, 0.9) for _ in range(count)]
    low, high = 0.0, mean * 64.0  # the factor, by bisection: the mean grows with it

    def cut(factor):
        return [min(LONGEST, max(4, round(x * factor))) for x in drawn]

    while high - low > 1e-6 * mean:
        middle = (low + high) / 2
        low, high = (middle, high) if sum(cut(middle)) < mean * count else (low, middle)
    return cut(high)


def make(name, seed=1, rate=None, vocabulary=(1000, 40000)):
    """The requests of MIXES[name]; at `rate` requests/s they arrive at random (Poisson)."""
    prompt, answer, count, _ = MIXES[name]
    random_ = random.Random(f"{name} {seed}")
    prompts, answers = [prompt] * count, [answer] * count
    if name in SPREAD:
        prompts, answers = lengths(prompt, count, random_), lengths(answer, count, random_)
    requests, at = [], 0.0
    for n_in, n_out in zip(prompts, answers):
        request = {"tokens": [random_.randrange(*vocabulary) for _ in range(n_in)], "max_tokens": n_out}
        if rate is not None:
            request["at"] = at
            at += -math.log(1 - random_.random()) / rate
        requests.append(request)
    return requests


def write(path, requests):
    with open(path, "w") as file:
        for request in requests:
            print(json.dumps(request), file=file)


def read(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def longest(requests):
    return max(len(request["tokens"]) + request["max_tokens"] for request in requests)


def most_tokens(requests, concurrency):
    """What the longest requests, so many at once, keep in the cache."""
    return sum(sorted((len(r["tokens"]) + r["max_tokens"] for r in requests), reverse=True)[:concurrency])
