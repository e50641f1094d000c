"""The fields of every request with a single answer, and what is read from that answer."""
from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from . import wire
from .types import Hello, RequestId

CLIENT_NAME = "nanoflow-python/0.1.0"


def hello() -> wire.Fields:
    return {"version": wire.VERSION, "client": CLIENT_NAME}


def hello_of(answer: wire.Event) -> Hello:
    return Hello(answer.get("version", 0), answer.get("server", ""), answer.get("models") or [],
                 answer.get("limits") or {})


def cancel(target: Any) -> wire.Fields:
    """`target` is a stream or an id."""
    identity: RequestId = getattr(target, "id", target)
    return {"target": identity}


def tokenize(text: str, model: Optional[str], add_special: Optional[bool]) -> wire.Fields:
    return wire.without_none(text=text, model=model, add_special=add_special)


def detokenize(tokens: Sequence[int], model: Optional[str]) -> wire.Fields:
    return wire.without_none(tokens=list(tokens), model=model)


def apply_template(messages: Union[str, Sequence[Mapping[str, str]]], model: Optional[str]) -> wire.Fields:
    return wire.without_none(messages=wire.messages_of(messages), model=model)


def models(available: bool) -> wire.Fields:
    return {"available": True} if available else {}


def load(name: Optional[str], path: Union[str, "os.PathLike[str]", None], context: Optional[int],
         kv_memory: Optional[str], weights: Optional[str], progress: bool) -> wire.Fields:
    if (name is None) == (path is None):
        raise TypeError("load() takes either the name of an available model or path=")
    # The daemon has a working folder of its own, so a relative path is resolved here.
    full = None if path is None else os.path.abspath(os.fspath(path))
    return wire.without_none(name=name, path=full, context=context, kv_memory=kv_memory, weights=weights,
                             progress=True if progress else None)


def tokens_of(answer: wire.Event) -> List[int]:
    return list(answer["tokens"])


def text_of(answer: wire.Event) -> str:
    return str(answer["text"])


def prompt_of(answer: wire.Event) -> str:
    return str(answer["prompt"])


def fields_of(answer: wire.Event) -> Dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in ("event", "id")}
