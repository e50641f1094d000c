"""One connection to a daemon: a thread that owns the socket, and every live request's sink.

A connection is opened once and ends once. When the daemon goes away every request on it fails with
ConnectionLost, when it refuses the greeting, with that refusal; and the client opens another for its next request:
ZeroMQ's own reconnecting would deliver old requests to a new daemon that cannot know them.
"""
from __future__ import annotations

import atexit
import collections
import itertools
import logging
import os
import socket
import threading
import weakref
from typing import Callable, Deque, Dict, Iterable, Optional, Union

import zmq
from zmq.utils.monitor import parse_monitor_message

from . import requests, wire
from .errors import ConnectionLost, NanoflowError, NoDaemon, from_event
from .types import RequestId

Sink = Callable[[Union[wire.Event, NanoflowError]], None]
"""Takes a request's events, or the exception that ends it. Called on the connection's thread."""

_log = logging.getLogger("nanoflow_client")
_CONNECT_TIMEOUT_MS = 5_000
_HEARTBEAT_MS = 5_000
_HEARTBEAT_TIMEOUT_MS = 30_000  # a machine under full load may be slow to answer, a stopped daemon never does
_LOST_EVENTS = (
    zmq.EVENT_DISCONNECTED
    | zmq.EVENT_CONNECT_RETRIED
    | zmq.EVENT_CLOSED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
_ENDS = ("ok", "done", "error")
_open: "weakref.WeakSet[Connection]" = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """While threads still run: a connection's thread cannot be waited for once the interpreter is going down."""
    for connection in list(_open):
        connection.close()


class Connection:
    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._ids = itertools.count(1)
        self._sinks: Dict[RequestId, Sink] = {}
        self._unanswered: Dict[RequestId, None] = {}
        self._outgoing: Deque[bytes] = collections.deque()
        self._lost: Optional[NanoflowError] = None
        self._refused: Optional[NanoflowError] = None  # the greeting
        self._closing = False
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._context: "zmq.Context[zmq.Socket[bytes]]" = zmq.Context()
        self._dealer = self._context.socket(zmq.DEALER)
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.SNDHWM, 0),  # nothing is ever dropped or blocked on this side
            (zmq.RCVHWM, 0),
            (zmq.HANDSHAKE_IVL, _CONNECT_TIMEOUT_MS),
            (zmq.HEARTBEAT_IVL, _HEARTBEAT_MS),
            (zmq.HEARTBEAT_TIMEOUT, _HEARTBEAT_TIMEOUT_MS),
        ):
            self._dealer.setsockopt(option, value)
        self._set_keys()
        self._monitor = self._dealer.get_monitor_socket(_LOST_EVENTS)
        self._dealer.connect(endpoint)
        self.request("hello", requests.hello(), self._greeted)  # nobody waits for the answer
        self._thread = threading.Thread(target=self._run, name="nanoflow-client", daemon=True)
        self._thread.start()
        _open.add(self)

    def _set_keys(self) -> None:
        """TCP needs keys: the server's public one, and any pair of our own unless the server knows its clients."""
        server = os.environ.get("NANOFLOW_SERVER_KEY")
        if not server or not self.endpoint.startswith("tcp://"):
            return
        public, secret = os.environ.get("NANOFLOW_PUBLIC_KEY"), os.environ.get("NANOFLOW_SECRET_KEY")
        pair = (public.encode(), secret.encode()) if public and secret else zmq.curve_keypair()
        self._dealer.curve_serverkey = server.encode()
        self._dealer.curve_publickey, self._dealer.curve_secretkey = pair

    @property
    def lost(self) -> bool:
        return self._lost is not None

    def request(self, op: str, fields: wire.Fields, sink: Sink) -> int:
        """Sends a request; its events go to `sink` until the one that ends it."""
        request_id = next(self._ids)
        data = wire.encode(op, request_id, fields)
        self._unanswered[request_id] = None
        self._sinks[request_id] = sink
        if self._lost is not None:  # looked at after the sink is in place, so that one of us sees the other
            self.forget(request_id)
            raise self._lost
        self._send(data)
        return request_id

    def cancel(self, target: RequestId) -> None:
        """Cancels without waiting for an answer, and forgets the target. Safe in a finaliser."""
        self.forget(target)
        if self._lost is None:
            self._send(wire.encode("cancel", next(self._ids), {"target": target}))

    def forget(self, request_id: RequestId) -> None:
        self._unanswered.pop(request_id, None)
        self._sinks.pop(request_id, None)

    def close(self) -> None:
        self._closing = True
        self._ring()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _send(self, data: bytes) -> None:
        self._outgoing.append(data)
        self._ring()

    def _ring(self) -> None:
        try:
            self._wake.send(b"\0")
        except OSError:
            pass  # full: it is awake already; closed: nobody is left to wake

    def _greeted(self, item: Union[wire.Event, NanoflowError]) -> None:
        if not isinstance(item, NanoflowError) and item["event"] == "error":
            self._refused = from_event(item)  # another version of the wire is spoken there

    # ---- On the thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        error = ConnectionLost("the client was closed")
        try:
            poller = zmq.Poller()
            for source in (self._dealer, self._monitor, self._woken):
                poller.register(source, zmq.POLLIN)
            while not self._closing and self._refused is None:
                ready = dict(poller.poll())
                if self._woken.fileno() in ready:
                    self._flush()
                if self._monitor in ready:
                    error = self._explain(self._monitor.recv_multipart())
                    self._drain()  # what the daemon said before it went
                    break
                if self._dealer in ready:
                    self._drain()
            else:
                self._flush()
        except Exception as failure:  # the requests must hear of it, whatever it was
            _log.exception("the connection failed")
            error = ConnectionLost(f"the connection failed: {failure}")
        finally:
            self._end(self._refused or error)

    def _flush(self) -> None:
        try:
            self._woken.recv(4096)
        except BlockingIOError:
            pass
        while self._outgoing:
            self._dealer.send(self._outgoing.popleft(), zmq.NOBLOCK)

    def _drain(self) -> None:
        while True:
            try:
                frames = self._dealer.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._dispatch(frames[-1])

    def _dispatch(self, data: bytes) -> None:
        try:
            event = wire.decode(data)
        except Exception as error:
            _log.warning("ignoring a message that is no event: %s", error)
            return
        request_id = event.get("id")
        if request_id is None:
            self._blame(event)
            return
        self._unanswered.pop(request_id, None)
        ended = event["event"] in _ENDS
        sink = self._sinks.pop(request_id, None) if ended else self._sinks.get(request_id)
        if sink is not None:
            self._deliver(sink, event)

    def _blame(self, event: wire.Event) -> None:
        """An error without an id is about a message that could not be read: one of those not yet answered."""
        error = from_event(event)
        _log.warning("the daemon could not read a request: %s", error)
        self._fail(list(self._unanswered), error)

    def _fail(self, ids: Iterable[RequestId], error: NanoflowError) -> None:
        for request_id in ids:
            self._unanswered.pop(request_id, None)
            sink = self._sinks.pop(request_id, None)
            if sink is not None:
                self._deliver(sink, error)

    @staticmethod
    def _deliver(sink: Sink, item: Union[wire.Event, NanoflowError]) -> None:
        try:
            sink(item)
        except RuntimeError:
            pass  # the sink's event loop has been closed: nobody waits for this any more

    def _explain(self, frames: "list[bytes]") -> ConnectionLost:
        event = parse_monitor_message(frames)["event"]
        if event == zmq.EVENT_DISCONNECTED:
            return ConnectionLost(f"the daemon at {self.endpoint} went away")
        return NoDaemon(f"no daemon answers at {self.endpoint}")

    def _end(self, error: NanoflowError) -> None:
        self._lost = error
        self._fail(list(self._sinks), error)
        self._dealer.disable_monitor()
        self._monitor.close(linger=0)
        self._dealer.close(linger=0)
        self._context.term()
        self._wake.close()
        self._woken.close()
