# shellcheck shell=bash disable=SC2154
# Functions for the scripts beside this file: a clean Debian root, and a real systemd inside it. Sourced, not run.
# They need root. The root is made from the package sources of the machine they run on.

say() { printf '\n== %s\n' "$*"; }
ok() { printf '   ok: %s\n' "$*"; passed=$((${passed:-0} + 1)); }
fail() { printf '   FAILED: %s\n' "$*" >&2; exit 1; }

need_root() {
  [ "$(id -u)" = 0 ] || { echo "this needs root: it makes a system of its own to test in" >&2; exit 2; }
  command -v mmdebstrap >/dev/null || { echo "this needs mmdebstrap (apt-get install mmdebstrap)" >&2; exit 2; }
}

# seconds_since START: with a tenth, START being from `date +%s%N`.
seconds_since() {
  tenths=$((($(date +%s%N) - $1) / 100000000))
  echo "$((tenths / 10)).$((tenths % 10))"
}

# make_root DIR PACKAGES: Debian 12, minimal, with PACKAGES (a comma between two).
make_root() {
  local sources
  sources=$(find /etc/apt -name '*.sources' -o -name 'sources.list' -size +0 | head -1)
  [ -n "$sources" ] || fail "no package sources below /etc/apt"
  begin=$(date +%s%N)
  mmdebstrap --quiet --variant=minbase ${2:+--include="$2"} bookworm "$1" "$sources" || fail "mmdebstrap"
  # Inside, apt and pip find their servers as they do outside.
  cp -L /etc/resolv.conf "$1/etc/resolv.conf"
  for file in /etc/pip.conf /etc/ssl/certs/ca-certificates.crt "${PIP_CERT:-}"; do
    if [ -n "$file" ] && [ -f "$file" ]; then
      mkdir -p "$1$(dirname "$file")"
      cp -L "$file" "$1$file"
    fi
  done
  ok "a clean Debian root in $(seconds_since "$begin") s"
}

# enter DIR COMMAND...: runs in the root, with nothing of this environment but what pip and proxies need.
enter() {
  local directory=$1 variable settings=()
  shift
  for variable in $(compgen -e | grep -E '^(PIP_|https?_proxy$|HTTPS?_PROXY$|no_proxy$|NO_PROXY$)'); do
    settings+=("$variable=${!variable}")
  done
  unshare --mount --pid --fork --kill-child sh -c '
    mount --bind "$1" "$1" && cd "$1" && mount -t proc proc proc && mount -t sysfs -o ro sys sys &&
    mount --rbind /dev dev && mount -t tmpfs tmpfs run && mount -t tmpfs tmpfs tmp || exit 1
    root=$1; shift
    exec chroot "$root" env -i "$@"' enter "$directory" \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "${settings[@]}" "$@"
}

# boot DIR: starts DIR's systemd as the first process of a machine of its own; `inside` then runs commands there.
boot() {
  begin=$(date +%s%N)
  unshare --mount --pid --fork --uts --ipc --cgroup --net --kill-child sh -c '
    mount --make-rprivate / && mount --bind "$1" "$1" && cd "$1" &&
    mount -t proc proc proc && mount -t sysfs sys sys && mount -t cgroup2 cgroup sys/fs/cgroup &&
    mount -t tmpfs tmpfs run && mount -t tmpfs tmpfs tmp && mount --rbind /dev dev || exit 1
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=lxc chroot "$1" /lib/systemd/systemd --system --log-target=journal' boot "$1" \
    </dev/null >"$1.boot.log" 2>&1 &
  launcher=$!
  for _ in $(seq 100); do
    machine=$(pgrep -P "$launcher" 2>/dev/null || true)
    if [ -n "$machine" ]; then
      case $(inside systemctl is-system-running 2>/dev/null) in
        running | degraded) ok "systemd $(inside systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p')" \
          "runs in it after $(seconds_since "$begin") s"; return ;;
      esac
    fi
    sleep 0.1
  done
  cat "$1.boot.log" >&2
  fail "systemd did not come up in 10 s"
}

# inside COMMAND...: in the booted machine, as root.
inside() {
  nsenter --target "$machine" --mount --pid --uts --ipc --cgroup --net --root --wd=/ env -i \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/root \
    DEBIAN_FRONTEND=noninteractive "$@"
}

# as USER COMMAND...: the same as USER, with the groups that USER has by now.
as() {
  local user=$1
  shift
  inside runuser -u "$user" -- "$@"
}

# remove_machine DIR: ends what runs in it and deletes it.
remove_machine() {
  if [ -n "${launcher:-}" ]; then
    kill -9 "${machine:-$launcher}" "$launcher" 2>/dev/null || true
    wait "$launcher" 2>/dev/null || true
    launcher=
  fi
  rm -rf --one-file-system "$1" "$1.boot.log"
}

# eventually SECONDS COMMAND...: true as soon as COMMAND is.
eventually() {
  local deadline=$(($(date +%s) + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s)" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}
