"""The loopback sockets that the local stack's servers listen on."""

from __future__ import annotations

import socket

LOOPBACK = "127.0.0.1"


def listen(port: int = 0) -> socket.socket:
    """A listening socket, on a free port for 0, whose connections send at once.

    asyncio sets that only for sockets that name their protocol; without it the body of an answer
    waits 40 ms for the client to acknowledge the headers.
    """
    listener = socket.create_server((LOOPBACK, port))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
