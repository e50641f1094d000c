#!/bin/bash
# The README's two commands in a clean Debian with no compiler and no Python, only the project copied in.
# Needs root and mmdebstrap. A limit for the demo, in seconds: NANOFLOW_DEMO_LIMIT (600).
#
#   tests/system/clean_root.sh [demo|test]...        both when none is named
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/root.sh"
project=$(cd "$here/../.." && pwd)
need_root
root=$(mktemp -d "${TMPDIR:-/tmp}/nanoflow-root.XXXXXX")
trap 'remove_machine "$root"' EXIT

say "A clean Debian, with the project and nothing else"
chmod 755 "$root"
make_root "$root" ca-certificates
for tool in gcc c++ cmake python3; do
  if enter "$root" sh -c "command -v $tool" >/dev/null; then fail "$tool is there already"; fi
done
mkdir -p "$root/root/nanoflow"
# What git tracks, as it is now: a clone without its history.
git -C "$project" ls-files -z | tar -C "$project" --null -T - --ignore-failed-read -c | tar -C "$root/root/nanoflow" -x
ok "$(du -sh "$root/root/nanoflow" | cut -f1) copied"

[ $# -gt 0 ] || set -- demo test
for verb in "$@"; do
  say "./dev $verb"
  begin=$(date +%s%N)
  enter "$root" sh -c "cd /root/nanoflow && ./dev $verb" </dev/null || fail "./dev $verb ended with $?"
  took=$(seconds_since "$begin")
  ok "./dev $verb in $took s on $(nproc) cores"
  if [ "$verb" = demo ] && [ "${took%.*}" -ge "${NANOFLOW_DEMO_LIMIT:-600}" ]; then fail "the demo took too long"; fi
done
printf '\nall %s checks passed\n' "$passed"
