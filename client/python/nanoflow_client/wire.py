"""Requests to bytes, bytes to events, events to replies. No sockets here."""
from __future__ import annotations

import difflib
from typing import Any, Dict, List, Mapping, Sequence, Tuple, Type, TypeVar

import msgpack

from .errors import NanoflowError, from_event
from .types import (Choice, Cost, Logprob, Model, Options, Piece, Progress, Prompt, Reply, RequestId,
                    Timing, Usage)

VERSION = 1
MAX_MESSAGE_BYTES = 4 << 20
Event = Dict[str, Any]
Fields = Dict[str, Any]
_OPTIONS = tuple(Options.__annotations__)
T = TypeVar("T")


def encode(op: str, request_id: RequestId, fields: Fields) -> bytes:
    data: bytes = msgpack.packb({"op": op, "id": request_id, **fields}, use_bin_type=True)
    if len(data) > MAX_MESSAGE_BYTES:
        # The daemon's socket would drop the connection, and every other request on it.
        raise NanoflowError(
            "bad_message", f"the request is {len(data)} bytes, the limit is {MAX_MESSAGE_BYTES}"
        )
    return data


def decode(data: bytes) -> Event:
    event = msgpack.unpackb(data, raw=False, strict_map_key=False)
    if not isinstance(event, dict) or "event" not in event:
        raise ValueError("not an event")
    return event


def without_none(**fields: Any) -> Fields:
    return {name: value for name, value in fields.items() if value is not None}


def generate_fields(prompt: Prompt, stream: bool, options: Mapping[str, Any], caller: str) -> Fields:
    for name in options:
        if name not in _OPTIONS:
            near = difflib.get_close_matches(name, _OPTIONS, n=1)
            hint = f" (did you mean '{near[0]}'?)" if near else ""
            raise TypeError(f"{caller}() got an unexpected keyword argument '{name}'{hint}")
    fields = without_none(**options)
    if isinstance(fields.get("stop"), str):
        fields["stop"] = [fields["stop"]]
    for name in ("stop", "stop_token_ids"):
        if name in fields:
            fields[name] = list(fields[name])
    if "logit_bias" in fields:
        fields["logit_bias"] = dict(fields["logit_bias"])
    fields.update(_input(prompt))
    fields["stream"] = stream
    return fields


def messages_of(messages: Any) -> List[Dict[str, str]]:
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    return [dict(message) for message in messages]


def _input(prompt: Prompt) -> Fields:
    if isinstance(prompt, str):
        return {"prompt": prompt}
    if isinstance(prompt, (bytes, bytearray)) or not isinstance(prompt, Sequence):
        raise TypeError(f"a prompt is text, token ids or messages, not {type(prompt).__name__}")
    if prompt and isinstance(prompt[0], Mapping):
        return {"messages": messages_of(prompt)}
    return {"tokens": list(prompt)}


def _known(kind: Type[T], fields: Any) -> T:
    """A newer daemon may say more than this client knows."""
    names = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return kind(**{name: value for name, value in (fields or {}).items() if name in names})


def logprobs_of(event: Mapping[str, Any]) -> Tuple[Logprob, ...]:
    return tuple(
        Logprob(entry["token"], entry["logprob"], tuple((i, p) for i, p in entry.get("top", ())))
        for entry in event.get("logprobs") or ()
    )


def progress_of(event: Event) -> Progress:
    return _known(Progress, event)


def models_of(answer: Event) -> List[Model]:
    models = []
    for entry in answer.get("models") or []:
        known = {k: v for k, v in entry.items() if k in Model.__dataclass_fields__ and k != "fields"}
        models.append(Model(**known, fields=dict(entry)))
    return models


class Answer:
    """Folds the events of one `generate` into pieces and, at the end, a Reply."""

    def __init__(self, stream: bool) -> None:
        self._stream = stream
        self._pieces: Dict[int, List[Piece]] = {}
        self.prompt_tokens = 0
        self.progress = Progress("waiting")
        self.reply: "Reply | None" = None

    def add(self, event: Event) -> "Piece | None":
        """A piece to hand out, if the event is one. Raises what an `error` says; `reply` is set by `done`."""
        kind = event["event"]
        if kind == "tokens":
            piece = Piece(event.get("text", ""), tuple(event.get("tokens", ())), event.get("choice", 0),
                          event.get("index", 0), logprobs_of(event))
            self._pieces.setdefault(piece.choice, []).append(piece)
            return piece
        if kind == "error":
            raise from_event(event)
        if kind == "accepted":
            self.prompt_tokens = event.get("prompt_tokens", 0)
        elif kind == "progress":
            self.progress = progress_of(event)
        elif kind == "done":
            self.reply = self._finish(event)
        return None

    def _finish(self, done: Event) -> Reply:
        usage = _known(Usage, done.get("usage"))
        ends = done.get("choices") or [
            {**done, "completion_tokens": usage.completion_tokens}]
        choices = tuple(self._choice(index, end) for index, end in enumerate(ends))
        first = choices[0]
        return Reply(first.text, first.tokens, done.get("finish_reason", first.finish_reason), usage,
                     _known(Timing, done.get("timing")), _known(Cost, done.get("cost")), choices,
                     first.logprobs)

    def _choice(self, index: int, end: Mapping[str, Any]) -> Choice:
        reason, count = end.get("finish_reason", ""), end.get("completion_tokens", 0)
        if not self._stream:
            return Choice(end.get("text", ""), tuple(end.get("tokens", ())), reason, count, logprobs_of(end))
        pieces = self._pieces.get(index, [])
        return Choice("".join(p.text for p in pieces), tuple(t for p in pieces for t in p.tokens), reason,
                      count, tuple(entry for p in pieces for entry in p.logprobs))
