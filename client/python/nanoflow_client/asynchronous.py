"""The asynchronous client: the same requests, awaited."""
from __future__ import annotations

import asyncio
import os
import time
from types import TracebackType
from typing import (TYPE_CHECKING, Any, AsyncIterator, Awaitable, Callable, Dict, List, Literal, Mapping,
                    Optional, Sequence, Type, Union, overload)

from . import endpoint as endpoints
from . import requests, wire
from .answer_view import AnswerView, Item
from .connection import Connection, Sink
from .errors import ConnectionLost, NanoflowError, from_event
from .types import Hello, Model, Options, Piece, Progress, Prompt, Reply, RequestId

if TYPE_CHECKING:
    from typing_extensions import Unpack


def _sink(loop: asyncio.AbstractEventLoop, items: "asyncio.Queue[Item]") -> Sink:
    """The connection's thread hands every event over to the loop."""
    return lambda item: _hand_over(loop, items, item)


def _hand_over(loop: asyncio.AbstractEventLoop, items: "asyncio.Queue[Item]", item: Item) -> None:
    loop.call_soon_threadsafe(items.put_nowait, item)


class AsyncStream(AnswerView, AsyncIterator[Piece]):
    """The pieces of one answer as they come. Dropping or closing it before its end cancels the request.

    The request is sent when the first piece is asked for, or the stream is awaited: `await stream` gives the
    whole answer.
    """

    def __init__(self, client: "AsyncClient", fields: wire.Fields) -> None:
        self._client = client
        self._fields = fields
        self._items: "asyncio.Queue[Item]" = asyncio.Queue()
        self._answer = wire.Answer(bool(fields["stream"]))
        self._connection: Optional[Connection] = None
        self._ended = False
        self.id: Optional[int] = None  #: None until the request is sent

    async def __anext__(self) -> Piece:
        if not self._ended and self._connection is None:
            await self.start()
        while not self._ended:
            piece = self._take(await self._items.get())
            if piece is not None:
                return piece
        raise StopAsyncIteration

    async def start(self) -> "AsyncStream":
        """Sends the request without waiting for its first piece."""
        if self._connection is None and not self._ended:
            connection = await self._client._connected()
            sink = _sink(asyncio.get_running_loop(), self._items)
            self.id = connection.request("generate", self._fields, sink)
            self._connection = connection
        return self

    def close(self) -> None:
        """Cancels the request if it still runs."""
        if not self._ended and self._connection is not None and self.id is not None:
            self._connection.cancel(self.id)
        self._ended = True

    async def aclose(self) -> None:
        self.close()

    async def __aenter__(self) -> "AsyncStream":
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_ended", True):
            self.close()

    async def result(self) -> Reply:
        """Reads to the end; the whole answer."""
        async for _ in self:
            pass
        return self._need()


class AsyncClient:
    """Asks one daemon. Any number of tasks of one event loop may share it."""

    def __init__(self, endpoint: Optional[str] = None) -> None:
        self._endpoint = endpoint
        self._closed = False
        self._connection: Optional[Connection] = None

    async def __aenter__(self) -> "AsyncClient":
        """Raises NoDaemon where there is none."""
        await self._connected()
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                        trace: Optional[TracebackType]) -> None:
        await self.close()

    def __del__(self) -> None:
        connection = getattr(self, "_connection", None)
        if connection is not None:
            connection.close()

    async def close(self) -> None:
        """Requests that still run are cancelled."""
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @property
    def endpoint(self) -> Optional[str]:
        """Where the daemon was found."""
        return self._connection.endpoint if self._connection else None

    async def _connected(self) -> Connection:
        if self._closed:
            raise ConnectionLost("the client was closed")
        if self._connection is None or self._connection.lost:
            self._connection = Connection(endpoints.find(self._endpoint))
        return self._connection

    async def _ask(self, op: str, fields: Optional[wire.Fields] = None,
                   on_progress: Optional[Callable[[Progress], None]] = None) -> wire.Event:
        connection = await self._connected()
        items: "asyncio.Queue[Item]" = asyncio.Queue()
        sink = _sink(asyncio.get_running_loop(), items)
        request_id = connection.request(op, fields or {}, sink)
        try:
            while True:
                item = await items.get()
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
                 **options: "Unpack[Options]") -> AsyncStream: ...

    @overload
    def generate(self, prompt: Prompt, *, stream: Literal[False],
                 **options: "Unpack[Options]") -> Awaitable[Reply]: ...

    def generate(self, prompt: Prompt, *, stream: bool = True,
                 **options: Any) -> Union[AsyncStream, Awaitable[Reply]]:
        """Continues `prompt`: text, token ids or chat messages. `types.Options` lists the options."""
        answer = AsyncStream(self, wire.generate_fields(prompt, stream, options, "generate"))
        return answer if stream else answer.result()

    @overload
    def chat(self, messages: Union[str, Sequence[Mapping[str, str]]], *, stream: Literal[False] = False,
             **options: "Unpack[Options]") -> Awaitable[Reply]: ...

    @overload
    def chat(self, messages: Union[str, Sequence[Mapping[str, str]]], *, stream: Literal[True],
             **options: "Unpack[Options]") -> AsyncStream: ...

    def chat(self, messages: Union[str, Sequence[Mapping[str, str]]], *, stream: bool = False,
             **options: Any) -> Union[AsyncStream, Awaitable[Reply]]:
        """Answers chat messages, or one message of the user given as text."""
        answer = AsyncStream(self, wire.generate_fields(wire.messages_of(messages), stream, options, "chat"))
        return answer if stream else answer.result()

    async def cancel(self, target: Union[RequestId, AsyncStream]) -> None:
        """Ends a request: a stream, an id of this client, or a number from `status`. It ends as `cancelled`."""
        await self._ask("cancel", requests.cancel(target))

    # ---- Text ------------------------------------------------------------------------------------------------

    async def tokenize(self, text: str, *, model: Optional[str] = None,
                       add_special: Optional[bool] = None) -> List[int]:
        return requests.tokens_of(await self._ask("tokenize", requests.tokenize(text, model, add_special)))

    async def detokenize(self, tokens: Sequence[int], *, model: Optional[str] = None) -> str:
        return requests.text_of(await self._ask("detokenize", requests.detokenize(tokens, model)))

    async def apply_template(self, messages: Union[str, Sequence[Mapping[str, str]]], *,
                             model: Optional[str] = None) -> str:
        """The prompt that the model's chat template makes of the messages."""
        return requests.prompt_of(await self._ask("apply_template", requests.apply_template(messages, model)))

    # ---- Models ----------------------------------------------------------------------------------------------

    async def models(self, *, available: bool = False) -> List[Model]:
        """The loaded models; with `available`, those in the model folder as well."""
        return wire.models_of(await self._ask("models", requests.models(available)))

    async def load(self, name: Optional[str] = None, *, path: Union[str, "os.PathLike[str]", None] = None,
                   context: Optional[int] = None, kv_memory: Optional[str] = None,
                   weights: Optional[str] = None,
                   on_progress: Optional[Callable[[Progress], None]] = None) -> List[Model]:
        """Loads an available model by name, or a file or folder by path; returns the loaded models."""
        fields = requests.load(name, path, context, kv_memory, weights, on_progress is not None)
        return wire.models_of(await self._ask("load", fields, on_progress))

    async def unload(self, name: str) -> List[Model]:
        return wire.models_of(await self._ask("unload", {"name": name}))

    # ---- The daemon ------------------------------------------------------------------------------------------

    async def hello(self) -> Hello:
        return requests.hello_of(await self._ask("hello", requests.hello()))

    async def status(self) -> Dict[str, Any]:
        return requests.fields_of(await self._ask("status"))

    async def metrics(self) -> str:
        """In Prometheus' exposition format."""
        return requests.text_of(await self._ask("metrics"))

    async def plan(self, *, explain: bool = False) -> Dict[str, Any]:
        """The schedule table, or how it was chosen."""
        return requests.fields_of(await self._ask("plan", {"explain": explain}))

    async def trace(self, seconds: float = 1.0) -> Dict[str, Any]:
        """A timeline of the streams."""
        return requests.fields_of(await self._ask("trace", {"seconds": seconds}))

    async def ping(self) -> float:
        """Seconds of a round trip through the daemon's scheduler and streams."""
        begin = time.monotonic()
        await self._ask("ping")
        return time.monotonic() - begin
