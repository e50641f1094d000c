"""What can go wrong, by who can do something about it."""
from __future__ import annotations

from typing import Any, Mapping, Optional, Union


class NanoflowError(Exception):
    """The daemon refused or ended a request: `code` for programs, `message` for people."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: Optional[str] = None,
        target: Union[int, str, None] = None,
        retry_after_ms: Optional[int] = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.field = field  #: the request's field at fault, where the daemon names one apart
        self.target = target  #: of `duplicate_id`: the id that clashed
        self.retry_after_ms = retry_after_ms  #: of `overloaded`


class ConnectionLost(NanoflowError):
    """The daemon went away; what ran there for this client is cancelled."""

    def __init__(self, message: str, code: str = "connection_lost") -> None:
        super().__init__(code, message)


class NoDaemon(ConnectionLost):
    """Nobody answers where a daemon is looked for."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "no_daemon")


class AccessDenied(NoDaemon):
    """A daemon is there, but this user may not open its socket."""


def from_event(event: Mapping[str, Any]) -> NanoflowError:
    """The exception for an `error` event."""
    return NanoflowError(
        str(event.get("code", "internal")),
        str(event.get("message", "")),
        field=event.get("field"),
        target=event.get("target"),
        retry_after_ms=event.get("retry_after_ms"),
    )
