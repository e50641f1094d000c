#!/usr/bin/env python3
"""Our matrix products beside oneDNN's at the same shapes, each on one thread.

  bench/kernels/peers.py [WORD]      only rows with the word in their names, say bf16 or M=64

oneDNN is the one in PyTorch, in vLLM's environment, which bench/peers/run.py installs. It gets its weights in its own layout. In bf16
both compute the same. In int8 they do not: oneDNN's activations share one scale and each channel's weights one, ours have one
for each 64 inputs, which is more work. Times are the best of many runs.
"""

import json
import pathlib
import re
import subprocess
import sys
import time

BUILD = pathlib.Path(__file__).resolve().parents[2] / "build"
PYTHON = BUILD / "peers" / "vllm" / "bin" / "python"
ROW = re.compile(r"matmul (bf16|int8) (.+ (\d+)x(\d+) M=(\d+)) +[\d.]+ +([\d.]+) ")


def ours(word):
    """[(element, name, outputs, inputs, rows, best us)]"""
    command = [BUILD / "bin" / "bench_kernels", "matmul"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [match.groups() for match in map(ROW.match, printed.splitlines()) if match]
    return [
        (element, name, int(n), int(k), int(m), float(best))
        for element, name, n, k, m, best in rows
        if word in f"{element} {name}"
    ]


def best_us(run):
    run()
    times, start = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < 0.3:
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return 1e6 * min(times)


def onednn():
    """In the peer's environment: shapes come as JSON lines, times go back."""
    import torch

    torch.set_num_threads(1)
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        element, n, k, m = json.loads(line)
        with torch.inference_mode():
            if element == "bf16":
                x, w = (torch.randn(rows, k, dtype=torch.bfloat16) for rows in (m, n))
                packed = torch.ops.mkldnn._reorder_linear_weight(w, m)
                linear = torch.ops.mkldnn._linear_pointwise
                print(best_us(lambda: linear(x, packed, None, "none", [], "")), flush=True)
            else:
                x = torch.randint(0, 255, (m, k), dtype=torch.uint8)
                w = torch.randint(-127, 127, (n, k), dtype=torch.int8)
                packed = torch.ops.onednn.qlinear_prepack(w, [m, k])
                scales, zeros = torch.rand(n), torch.zeros(n, dtype=torch.int64)
                linear = torch.ops.onednn.qlinear_pointwise
                arguments = (packed, scales, zeros, None, 1.0, 0, torch.float32, "none", [], "")
                print(best_us(lambda: linear(x, 0.01, 128, *arguments)), flush=True)


def main():
    rows = ours(sys.argv[1] if len(sys.argv) > 1 else "")
    pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([PYTHON, __file__, "--onednn"], **pipe) as peer:
        print(f"one thread each; oneDNN of PyTorch {peer.stdout.readline().strip()}; G operations/s, best of many runs\n")
        print(f"{'':38}{'ours':>8}{'oneDNN':>8}{'ratio':>8}")
        for element, name, n, k, m, us in rows:
            peer.stdin.write(json.dumps([element, n, k, m]) + "\n")
            peer.stdin.flush()
            theirs = float(peer.stdout.readline())
            operations = 2e-3 * n * k * m
            print(f"{element + ' ' + name:38}{operations / us:8.0f}{operations / theirs:8.0f}{theirs / us:8.2f}", flush=True)


if __name__ == "__main__":
    onednn() if sys.argv[1:] == ["--onednn"] else main()
