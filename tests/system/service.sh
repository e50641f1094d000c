#!/bin/bash
# The packages in a clean Debian with a real systemd: installed, started, asked, refused, stopped, killed, reloaded,
# stalled, purged. Needs root and mmdebstrap.
#
#   tests/system/service.sh MODEL.gguf [PACKAGES]     PACKAGES: the folder with the .deb files, build/packages
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/root.sh"
model=${1:?usage: service.sh MODEL.gguf [PACKAGES]}
packages=${2:-$here/../../build/packages}
name=$(basename "$model" .gguf)
socket=/run/nanoflowd/nanoflowd.sock
question='What is the capital of France? Answer in one sentence.'
need_root
ls "$packages"/*.deb >/dev/null
root=$(mktemp -d "${TMPDIR:-/tmp}/nanoflow-service.XXXXXX")
status=0
trap 'status=$?; [ $status = 0 ] || inside journalctl --no-pager -n 60 2>/dev/null; remove_machine "$root"' EXIT

main_pid() { inside systemctl show -P MainPID nanoflowd; }
is_active() { [ "$(inside systemctl is-active nanoflowd)" = active ]; }
answers() { as alice nanoflow run --max-tokens 24 --temperature 0 "$question"; }

say "A clean Debian"
chmod 755 "$root"
make_root "$root" systemd,dbus

say "apt installs the packages with what they depend on"
mkdir "$root/packages"
cp "$packages"/*.deb "$root/packages/"
enter "$root" apt-get update -qq
enter "$root" sh -c 'apt-get install -qq -y --no-install-recommends /packages/*.deb' >"$root/packages/log" 2>&1 ||
  { cat "$root/packages/log"; fail "apt-get install"; }
grep -E '^(nanoflow|nanoflow-admin):' "$root/etc/group" | sed 's/^/   /'
[ "$(stat -c '%a %G' "$root/var/lib/nanoflowd/models" | cut -d' ' -f1)" = 2775 ] || fail "the model folder's mode"
[ ! -e "$root/etc/systemd/system/multi-user.target.wants/nanoflowd.service" ] || fail "enabled without being asked"
ok "$(find "$root/packages" -name "*.deb" | wc -l) packages, users and the model folder are there"
cp "$model" "$root/var/lib/nanoflowd/models/"
cp "$here/ask_many.py" "$root/packages/"
for user in alice bob carol; do enter "$root" useradd -m "$user"; done
enter "$root" usermod -aG nanoflow alice
enter "$root" usermod -aG nanoflow,nanoflow-admin carol
mkdir -p "$root/etc/systemd/system/nanoflowd.service.d"
cp "$model" "$root/home/alice/private.gguf"

say "Start"
boot "$root"
begin=$(date +%s%N)
inside systemctl start nanoflowd
ok "ready at once without a model: $(seconds_since "$begin") s"
printf 'models = ["%s"]\n' "$name" >>"$root/etc/nanoflowd/nanoflowd.toml"
begin=$(date +%s%N)
inside systemctl restart nanoflowd
ok "restarted and ready with $name after $(seconds_since "$begin") s"
as alice nanoflow models | grep -q "$name" || fail "the configured model is not loaded though the service is ready"
[ "$(inside stat -c '%a %G' $socket)" = "660 nanoflow" ] || fail "the socket's mode and group"
ok "the socket is open to group nanoflow only, the configured model is loaded"

say "Security"
exposure=$(inside systemd-analyze security --no-pager nanoflowd | sed -n 's/.*exposure level.*: \([0-9.]*\).*/\1/p')
echo "   exposure $exposure"
[ "$(echo "$exposure" | tr -d .)" -le 5 ] || fail "systemd-analyze security says $exposure, the limit is 0.5"
ok "systemd-analyze security: $exposure"

say "A member of group nanoflow asks"
answers | sed 's/^/   /'
answers | grep -q Paris || fail "the CLI's answer has no Paris in it"
ok "by the CLI"
as alice python3 -c '
import sys, nanoflow_client as nf
with nf.Client() as client:
    reply = client.chat(sys.argv[1], max_tokens=24, temperature=0)
    print("  ", reply.text.strip(), reply.usage)
    assert "Paris" in reply.text' "$question" || fail "the Python client"
ok "by Python"
if inside journalctl --no-pager -u nanoflowd | grep -q 'capital of France'; then fail "the journal holds a prompt"; fi
inside journalctl --no-pager -u nanoflowd | grep -i alice | tail -1 | sed 's/^/   /'
ok "the journal names requests, never their text"

say "Others are refused"
if refusal=$(as bob nanoflow run "$question" 2>&1); then fail "bob is in no group and was answered"; fi
echo "$refusal" | sed 's/^/   /'
echo "$refusal" | grep -q "nanoflow" && echo "$refusal" | grep -q usermod || fail "the refusal does not name group and command"
if refusal=$(as bob python3 -c 'import nanoflow_client as nf; nf.Client()' 2>&1); then fail "bob got in by Python"; fi
echo "$refusal" | grep -q "AccessDenied.*usermod -aG nanoflow" || fail "Python's refusal: $refusal"
ok "a non-member, with the group and the command that helps"
if refusal=$(as alice nanoflow unload "$name" 2>&1); then fail "alice is no administrator and unloaded a model"; fi
echo "$refusal" | sed 's/^/   /'
echo "$refusal" | grep -q nanoflow-admin || fail "the refusal does not name the administrators' group"
as carol nanoflow unload "$name" >/dev/null || fail "an administrator could not unload"
as carol nanoflow load "$name" >/dev/null || fail "an administrator could not load"
ok "loading and unloading is for administrators"
if refusal=$(as carol nanoflow load /home/alice/private.gguf 2>&1); then fail "the service read a home folder"; fi
echo "$refusal" | sed 's/^/   /'
echo "$refusal" | grep -q -E '/var/lib/nanoflowd/models|nanoflow pull' || fail "it does not say what to do"
ok "a file in a home folder: it says why not, and what to do"

say "Reload"
before=$(main_pid)
sed -i 's/^#log_level.*/log_level = "debug"/' "$root/etc/nanoflowd/nanoflowd.toml"
inside systemctl reload nanoflowd
eventually 5 sh -c "nsenter -t $machine -m -p -r journalctl --no-pager -u nanoflowd | grep -i -E 'reload|configuration'" ||
  fail "the journal says nothing of a reload"
[ "$before" = "$(main_pid)" ] || fail "a reload restarted the daemon"
answers | grep -q Paris || fail "no answer after a reload"
ok "SIGHUP reads the configuration, the process stays"

# load COUNT TOKENS: alice keeps the daemon busy; what became of it is in $root/packages/ends.
load() {
  : >"$root/packages/ends"
  as alice python3 /packages/ask_many.py "$@" >"$root/packages/ends" 2>&1 &
  asking=$!
  eventually 60 grep -q started "$root/packages/ends" || { cat "$root/packages/ends"; fail "the load did not start"; }
}
# Waits for the load's end; $result says how its requests ended. Not for $(): only this shell can wait for its child.
wait_for_ends() {
  wait "$asking" || true
  result=$(tail -1 "$root/packages/ends")
}

say "Stop under load"
load 8 200
begin=$(date +%s%N)
inside systemctl stop nanoflowd
took=$(seconds_since "$begin")
wait_for_ends
echo "   stopped after $took s; the requests ended as: $result"
[ "$(inside systemctl show -P Result nanoflowd)" = success ] || fail "the stop was not clean"
total=$(echo "$result" | tr ' ' '\n' | grep -E '^[0-9]+$' | paste -sd+ | sed 's/$/\n/' | { read -r sum; echo $((sum)); })
[ "$total" = 8 ] || fail "8 requests, $total ends"
if echo "$result" | grep -q -E 'connection_lost|no_daemon'; then fail "a drain cut a request off"; fi
ok "every running request ended, by its end or by 'shutdown'"

say "kill -9"
inside systemctl start nanoflowd
before=$(main_pid)
load 4 4000
inside kill -9 "$before"
wait_for_ends
echo "   the clients heard: $result"
[ "$result" = "connection_lost 4" ] || fail "clients were not told"
eventually 20 is_active || fail "not restarted"
[ "$before" != "$(main_pid)" ] || fail "the same process?"
answers | grep -q Paris || fail "no answer after the restart"
ok "the clients are told at once, the daemon comes back and answers"

say "The watchdog"
printf '[Service]\nWatchdogSec=4\n' >"$root/etc/systemd/system/nanoflowd.service.d/quick.conf"
inside systemctl daemon-reload
inside systemctl restart nanoflowd
before=$(main_pid)
sleep 9
[ "$before" = "$(main_pid)" ] || fail "a healthy idle daemon did not beat in time"
inside kill -STOP "$before"
begin=$(date +%s%N)
changed() { [ "$(main_pid)" != "$before" ] && is_active; }
eventually 20 changed || fail "a stopped daemon was not restarted"
answers | grep -q Paris || fail "no answer after the watchdog"
ok "a daemon that stands still is replaced after $(seconds_since "$begin") s (WatchdogSec=4)"

say "Upgrade and purge"
before=$(main_pid)
inside sh -c 'dpkg -i /packages/nanoflowd_*.deb' >/dev/null 2>&1 || fail "installing it again"
eventually 20 changed || fail "an upgrade does not restart a running daemon"
grep -q "$name" "$root/etc/nanoflowd/nanoflowd.toml" || fail "an upgrade overwrote the configuration"
ok "an upgrade keeps the configuration and restarts what runs"
inside systemctl enable -q nanoflowd
inside dpkg --purge nanoflowd nanoflow python3-nanoflow-client >/dev/null 2>&1 || fail "purge"
left=$(find "$root" -mindepth 1 -xdev -path "$root/packages" -prune -o -iname '*nanoflow*' -print; inside getent passwd nanoflow || true
  inside getent group nanoflow nanoflow-admin || true; inside find /run /var/lib -iname '*nanoflow*')
[ -z "$left" ] || fail "left behind: $left"
if inside systemctl cat nanoflowd >/dev/null 2>&1; then fail "the unit is still known"; fi
ok "nothing is left"
printf '\nall %s checks passed\n' "$passed"
