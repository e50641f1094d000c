#!/usr/bin/env python3
"""The table of one or more runs as bars: bench/peers/plot.py out.svg "Title=saved.json" ...

Each saved.json is what run.py --save wrote; a run becomes a group of bars, tokens/s, the median of its rounds.
"""

import json
import statistics
import sys
from xml.sax.saxutils import escape

NAMES = {"llama_cpp": "llama.cpp", "openvino": "OpenVINO GenAI", "vllm": "vLLM (bf16)"}
WIDTH, LABEL, BAR, GAP = 760, 250, 20, 34
OURS, THEIRS = "#1a7f5a", "#8c959f"


def name_of(engine):
    """As the plot says it: nanoflow:kv=int8+speculation=off is "nanoflow, kv int8"; what all have in common is in the title."""
    name, _, keys = engine.partition(":")
    said = [key.replace("=", " ") for key in keys.split("+") if key and key != "speculation=off"]
    return ", ".join([NAMES.get(name, name), *said])


def bars_of(path):
    results = json.load(open(path))["results"]
    bars = [(e, statistics.median(r["total_tokens_per_s"] for r in rounds)) for e, rounds in results.items()]
    return sorted(bars, key=lambda bar: -bar[1])


def main():
    target, *runs = sys.argv[1:]
    groups = [(title, bars_of(path)) for title, path in (run.split("=", 1) for run in runs)]
    most = max(speed for _, bars in groups for _, speed in bars)
    lines, y = [], 8
    for title, bars in groups:
        y += 18
        lines.append(f'<text x="0" y="{y}" class="title">{escape(title)}</text>')
        y += 10
        for engine, speed in bars:
            length = (WIDTH - LABEL - 70) * speed / most
            colour = OURS if engine.startswith("nanoflow") else THEIRS
            lines.append(f'<text x="{LABEL - 8}" y="{y + 15}" text-anchor="end">{escape(name_of(engine))}</text>')
            lines.append(f'<rect x="{LABEL}" y="{y}" width="{length:.0f}" height="{BAR}" fill="{colour}"/>')
            lines.append(f'<text x="{LABEL + length + 6:.0f}" y="{y + 15}">{speed:.0f}</text>')
            y += BAR + 5
        y += GAP - 18
    style = "text { font: 14px sans-serif; fill: #57606a } .title { font-weight: bold }"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}">'
    with open(target, "w") as file:
        file.write("\n".join([head, f"<style>{style}</style>", *lines, "</svg>", ""]))


if __name__ == "__main__":
    main()
