"""What goes into a request and what comes back, in the wire's field names (docs/protocol.md)."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, List, Mapping, Optional, Sequence, Tuple, TypedDict, Union

RequestId = Union[int, str]
Prompt = Union[str, Sequence[int], Sequence[Mapping[str, str]]]
"""Text, token ids, or chat messages ({"role": ..., "content": ...})."""


class Options(TypedDict, total=False):
    """The keywords of `generate` and `chat`. What is left out, or None, is the model's default."""

    model: Optional[str]
    max_tokens: Optional[int]
    min_tokens: Optional[int]
    temperature: Optional[float]
    top_k: Optional[int]
    top_p: Optional[float]
    min_p: Optional[float]
    presence_penalty: Optional[float]
    frequency_penalty: Optional[float]
    repetition_penalty: Optional[float]
    seed: Optional[int]
    stop: Union[str, Sequence[str], None]
    stop_token_ids: Optional[Sequence[int]]
    include_stop_str_in_output: Optional[bool]
    ignore_eos: Optional[bool]
    skip_special_tokens: Optional[bool]
    logit_bias: Optional[Mapping[int, float]]
    logprobs: Optional[int]
    n: Optional[int]
    priority: Optional[int]
    timeout_ms: Optional[int]
    max_tpot_ms: Optional[int]
    cache_salt: Optional[str]


@dataclass(frozen=True)
class Logprob:
    token: int
    logprob: float
    top: Tuple[Tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Piece:
    """What one step added to one choice."""

    text: str
    tokens: Tuple[int, ...] = ()
    choice: int = 0
    index: int = 0  #: of the first token here, within its choice
    logprobs: Tuple[Logprob, ...] = ()


@dataclass(frozen=True)
class Progress:
    """Once a second while a request waits or its prompt is read, or while a model is loaded."""

    state: str
    position: Optional[int] = None
    done_tokens: Optional[int] = None
    prompt_tokens: Optional[int] = None
    done_bytes: Optional[int] = None
    total_bytes: Optional[int] = None


@dataclass(frozen=True)
class Usage:
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True)
class Timing:
    queue_ms: float = 0.0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    total_ms: float = 0.0


@dataclass(frozen=True)
class Cost:
    flops: float = 0.0
    bytes: float = 0.0
    page_seconds: float = 0.0


@dataclass(frozen=True)
class Choice:
    text: str
    tokens: Tuple[int, ...]
    finish_reason: str
    completion_tokens: int
    logprobs: Tuple[Logprob, ...] = ()


@dataclass(frozen=True)
class Reply:
    """A whole answer. `text`, `tokens` and `logprobs` are those of the first choice."""

    text: str
    tokens: Tuple[int, ...]
    finish_reason: str
    usage: Usage
    timing: Timing
    cost: Cost
    choices: Tuple[Choice, ...]
    logprobs: Tuple[Logprob, ...] = ()


@dataclass(frozen=True)
class Model:
    """A model that is loaded, or one in the model folder (then only some fields are known)."""

    name: str
    path: str = ""
    architecture: str = ""
    parameters: int = 0
    dtype: str = ""
    context: int = 0
    pages: int = 0
    fields: Mapping[str, Any] = field(default_factory=dict, compare=False)  #: all the daemon said


@dataclass(frozen=True)
class Hello:
    version: int
    server: str
    models: List[Any]
    limits: Mapping[str, Any]
