"""The synchronous client."""
from __future__ import annotations

import os
import queue
import threading
import time
from types import TracebackType
from typing import (TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Literal, Mapping, Optional, Sequence,
                    Type, Union, overload)

from . import endpoint as endpoints
from . import requests, wire
from .answer_view import AnswerView, Item
from .connection import Connection
from .errors import ConnectionLost, NanoflowError, from_event
from .types import Hello, Model, Options, Piece, Progress, Prompt, Reply, RequestId

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Stream(AnswerView, Iterator[Piece]):
    """The pieces of one answer as they come. Dropping or closing it before its end cancels the request."""

    def __init__(self, client: "Client", fields: wire.Fields) -> None:
        self._client = client  # a client nobody else holds lives as long as its streams
        self._connection = connection = client._connected()
        self._items: "queue.SimpleQueue[Item]" = queue.SimpleQueue()
        self._answer = wire.Answer(bool(fields["stream"]))
        self._ended = True  # until the request is out, so that a failure here cancels nothing
        self.id: int = connection.request("generate", fields, self._items.put)
        self._ended = False

    def __next__(self) -> Piece:
        while not self._ended:
            piece = self._take(self._items.get())
            if piece is not None:
                return piece
        raise StopIteration

    def close(self) -> None:
        """Cancels the request if it still runs."""
        if not self._ended:
            self._ended = True
            self._connection.cancel(self.id)

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_ended", True):
            self.close()

    def result(self) -> Reply:
        """Reads to the end; the whole answer."""
        for _ in self:
            pass
        return self._need()


class Client:
    """Asks one daemon. Threads may share it, and any number of requests may run at once."""

    def __init__(self, endpoint: Optional[str] = None) -> None:
        """Connects to `endpoint`, or to the first daemon found. Raises NoDaemon where there is none."""
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._closed = False
        self._connection: Optional[Connection] = Connection(endpoints.find(endpoint))

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def __del__(self) -> None:
        connection = getattr(self, "_connection", None)
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Requests that still run are cancelled."""
        with self._lock:
            self._closed = True
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @property
    def endpoint(self) -> Optional[str]:
        """Where the daemon was found."""
        connection = self._connection
        return connection.endpoint if connection else None

    def _connected(self) -> Connection:
        with self._lock:
            if self._closed:
                raise ConnectionLost("the client was closed")
            if self._connection is None or self._connection.lost:
                self._connection = Connection(endpoints.find(self._endpoint))
            return self._connection

    def _ask(self, op: str, fields: Optional[wire.Fields] = None,
             on_progress: Optional[Callable[[Progress], None]] = None) -> wire.Event:
        connection = self._connected()
        items: "queue.SimpleQueue[Item]" = queue.SimpleQueue()
        request_id = connection.request(op, fields or {}, items.put)
        try:
            while True:
                item = items.get()
                if isinstance(item, NanoflowError):
                    raise item
                if item["event"] == "error":
                    raise from_event(item)
                if item["event"] == "ok":
                    return item
                if item["event"] == "progress" and on_progress is not None:
                    on_progress(wire.progress_of(item))
        finally:
            connection.forget(request_id)

    # ---- Generation ------------------------------------------------------------------------------------------

    @overload
    def generate(self, prompt: Prompt, *, stream: Literal[True] = True,
                 **options: "Unpack[Options]") -> Stream: ...

    @overload
    def generate(self, prompt: Prompt, *, stream: Literal[False], **options: "Unpack[Options]") -> Reply: ...

    def generate(self, prompt: Prompt, *, stream: bool = True, **options: Any) -> Union[Stream, Reply]:
        """Continues `prompt`: text, token ids or chat messages. `types.Options` lists the options."""
        answer = Stream(self, wire.generate_fields(prompt, stream, options, "generate"))
        return answer if stream else answer.result()

    @overload
    def chat(self, messages: Union[str, Sequence[Mapping[str, str]]], *, stream: Literal[False] = False,
             **options: "Unpack[Options]") -> Reply: ...

    @overload
    def chat(self, messages: Union[str, Sequence[Mapping[str, str]]], *, stream: Literal[True],
             **options: "Unpack[Options]") -> Stream: ...

    def chat(self, messages: Union[str, Sequence[Mapping[str, str]]], *, stream: bool = False,
             **options: Any) -> Union[Stream, Reply]:
        """Answers chat messages, or one message of the user given as text."""
        fields = wire.generate_fields(wire.messages_of(messages), stream, options, "chat")
        answer = Stream(self, fields)
        return answer if stream else answer.result()

    def cancel(self, target: Union[RequestId, Stream]) -> None:
        """Ends a request: a stream, an id of this client, or a number from `status`. It ends as `cancelled`."""
        self._ask("cancel", requests.cancel(target))

    # ---- Text ------------------------------------------------------------------------------------------------

    def tokenize(self, text: str, *, model: Optional[str] = None,
                 add_special: Optional[bool] = None) -> List[int]:
        return requests.tokens_of(self._ask("tokenize", requests.tokenize(text, model, add_special)))

    def detokenize(self, tokens: Sequence[int], *, model: Optional[str] = None) -> str:
        return requests.text_of(self._ask("detokenize", requests.detokenize(tokens, model)))

    def apply_template(self, messages: Union[str, Sequence[Mapping[str, str]]], *,
                       model: Optional[str] = None) -> str:
        """The prompt that the model's chat template makes of the messages."""
        return requests.prompt_of(self._ask("apply_template", requests.apply_template(messages, model)))

    # ---- Models ----------------------------------------------------------------------------------------------

    def models(self, *, available: bool = False) -> List[Model]:
        """The loaded models; with `available`, those in the model folder as well."""
        return wire.models_of(self._ask("models", requests.models(available)))

    def load(self, name: Optional[str] = None, *, path: Union[str, "os.PathLike[str]", None] = None,
             context: Optional[int] = None, kv_memory: Optional[str] = None, weights: Optional[str] = None,
             on_progress: Optional[Callable[[Progress], None]] = None) -> List[Model]:
        """Loads an available model by name, or a file or folder by path; returns the loaded models."""
        fields = requests.load(name, path, context, kv_memory, weights, on_progress is not None)
        return wire.models_of(self._ask("load", fields, on_progress))

    def unload(self, name: str) -> List[Model]:
        return wire.models_of(self._ask("unload", {"name": name}))

    # ---- The daemon ------------------------------------------------------------------------------------------

    def hello(self) -> Hello:
        return requests.hello_of(self._ask("hello", requests.hello()))

    def status(self) -> Dict[str, Any]:
        return requests.fields_of(self._ask("status"))

    def metrics(self) -> str:
        """In Prometheus' exposition format."""
        return requests.text_of(self._ask("metrics"))

    def plan(self, *, explain: bool = False) -> Dict[str, Any]:
        """The schedule table, or how it was chosen."""
        return requests.fields_of(self._ask("plan", {"explain": explain}))

    def trace(self, seconds: float = 1.0) -> Dict[str, Any]:
        """A timeline of the streams."""
        return requests.fields_of(self._ask("trace", {"seconds": seconds}))

    def ping(self) -> float:
        """Seconds of a round trip through the daemon's scheduler and streams."""
        begin = time.monotonic()
        self._ask("ping")
        return time.monotonic() - begin
