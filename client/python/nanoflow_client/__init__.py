"""Ask nanoflowd, the LLM serving daemon, from Python.

    import nanoflow_client as nf
    with nf.Client() as client:
        for piece in client.generate("Once upon a time", max_tokens=64):
            print(piece.text, end="", flush=True)
"""
from .asynchronous import AsyncClient, AsyncStream
from .client import Client, Stream
from .endpoint import default_endpoints
from .errors import AccessDenied, ConnectionLost, NanoflowError, NoDaemon
from .types import (Choice, Cost, Hello, Logprob, Model, Options, Piece, Progress, Prompt, Reply, RequestId,
                    Timing, Usage)

__version__ = "0.1.0"
__all__ = [
    "AccessDenied", "AsyncClient", "AsyncStream", "Choice", "Client", "ConnectionLost", "Cost", "Hello",
    "Logprob", "Model", "NanoflowError", "NoDaemon", "Options", "Piece", "Progress", "Prompt", "Reply",
    "RequestId", "Stream", "Timing", "Usage", "default_endpoints",
]
