"""Keeps a daemon busy and says how each request ended: ask_many.py COUNT TOKENS. One line, for service.sh.

Prints "started" once every request has a token, then how many ended by what, such as "length 8".
"""
import collections
import sys
import threading

import nanoflow_client as nf

count, tokens = int(sys.argv[1]), int(sys.argv[2])
ends = collections.Counter()
running = threading.Barrier(count + 1)


def ask(client, number):
    try:
        with client.generate(f"Story number {number}:", max_tokens=tokens, ignore_eos=True) as stream:
            next(stream)
            running.wait(60)
            ends[stream.result().finish_reason] += 1
    except nf.NanoflowError as error:
        ends[error.code] += 1


with nf.Client() as client:
    threads = [threading.Thread(target=ask, args=(client, number)) for number in range(count)]
    for thread in threads:
        thread.start()
    running.wait(60)
    print("started", flush=True)
    for thread in threads:
        thread.join()
print(" ".join(f"{end} {number}" for end, number in sorted(ends.items())), flush=True)
