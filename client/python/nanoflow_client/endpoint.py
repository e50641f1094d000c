"""Where a daemon is looked for: NANOFLOW_ENDPOINT alone if set, else the user's socket, then the system's."""
from __future__ import annotations

import errno
import os
import socket
from typing import List, Optional

from .errors import AccessDenied, NoDaemon

SYSTEM_ENDPOINT = "ipc:///run/nanoflowd/nanoflowd.sock"
_IPC = "ipc://"


def user_endpoint() -> str:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folder = runtime if runtime else f"/tmp/nanoflowd-{os.getuid()}"
    return f"{_IPC}{folder}/nanoflowd.sock"


def default_endpoints() -> List[str]:
    chosen = os.environ.get("NANOFLOW_ENDPOINT")
    return [chosen] if chosen else [user_endpoint(), SYSTEM_ENDPOINT]


def probe(endpoint: str) -> Optional[OSError]:
    """Why nobody can be reached at `endpoint`; None when somebody listens, or when only trying tells (TCP).

    ZeroMQ itself would wait for ever for a socket file that a killed daemon left behind.
    """
    if not endpoint.startswith(_IPC):
        return None
    path = endpoint[len(_IPC):]
    if path.startswith("@"):
        path = "\0" + path[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(5)
            connection.connect(path)
    except OSError as error:
        return error
    return None


def find(endpoint: Optional[str] = None) -> str:
    """The first endpoint where somebody listens. Raises NoDaemon or AccessDenied, which say what to do."""
    candidates = [endpoint] if endpoint else default_endpoints()
    denied: Optional[str] = None
    reasons = []
    for candidate in candidates:
        error = _is_foreign(candidate) or probe(candidate)
        if error is None:
            return candidate
        if error.errno in (errno.EACCES, errno.EPERM):
            denied = candidate
        reasons.append(f"{candidate}: {error.strerror or error}")
    tried = "; ".join(reasons)
    if denied is not None:
        raise AccessDenied(
            f"this user may not open {denied}: {_who_may(denied)} (tried {tried})"
        )
    raise NoDaemon(
        f"no nanoflowd found ({tried}); start the service with 'systemctl start nanoflowd', "
        "or one of your own with 'nanoflowd --model FILE'"
    )


def _is_foreign(endpoint: str) -> Optional[OSError]:
    """The fallback below /tmp may have been made by another user, who would then read every prompt."""
    fallback = f"/tmp/nanoflowd-{os.getuid()}"
    if endpoint != f"{_IPC}{fallback}/nanoflowd.sock":
        return None
    try:
        owner = os.lstat(fallback).st_uid
    except OSError as error:
        return error
    if owner == os.getuid():
        return None
    return OSError(errno.ENOENT, f"{fallback} belongs to another user")


def _who_may(endpoint: str) -> str:
    import grp

    group = "nanoflow"
    try:
        group = grp.getgrgid(os.stat(endpoint[len(_IPC):]).st_gid).gr_name
    except (OSError, KeyError):
        pass  # the folder may be closed too, then the packaged group's name is the best guess
    return (
        f"it belongs to group '{group}'; add yourself with 'sudo usermod -aG {group} \"$USER\"' "
        "and log in again"
    )
