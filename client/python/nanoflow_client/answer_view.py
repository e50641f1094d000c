"""What a stream, sync or async, tells about its answer beside the pieces."""
from __future__ import annotations

from typing import Optional, Union

from . import wire
from .errors import NanoflowError
from .types import Cost, Piece, Progress, Reply, Timing, Usage

Item = Union[wire.Event, NanoflowError]


class AnswerView:
    _answer: wire.Answer
    _ended: bool

    def _take(self, item: Item) -> Optional[Piece]:
        """Folds in what the connection delivered; a piece, if it was one."""
        try:
            if isinstance(item, NanoflowError):
                raise item
            piece = self._answer.add(item)
        except BaseException:
            self._ended = True
            raise
        self._ended = self._answer.reply is not None
        return piece

    def _need(self) -> Reply:
        if self._answer.reply is None:
            raise ValueError("the answer has not ended: read the stream first, or take result()")
        return self._answer.reply

    @property
    def reply(self) -> Optional[Reply]:
        """The whole answer once it has ended, else None."""
        return self._answer.reply

    @property
    def prompt_tokens(self) -> int:
        """0 until the daemon has accepted the request."""
        return self._answer.prompt_tokens

    @property
    def progress(self) -> Progress:
        return self._answer.progress

    @property
    def finish_reason(self) -> Optional[str]:
        return self._answer.reply.finish_reason if self._answer.reply else None

    @property
    def usage(self) -> Usage:
        return self._need().usage

    @property
    def timing(self) -> Timing:
        return self._need().timing

    @property
    def cost(self) -> Cost:
        return self._need().cost
