"""The client's machine of one namespace (namespaces.md, "States", "Client")."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class State(Enum):
    DETACHED = "detached"
    PENDING = "pending"
    CONNECTED = "connected"


@dataclass
class Namespace:
    """`generation` counts the CONNECTs of the application, so that frames that wait in the queue
    can be told from those of an earlier socket. `connect` is the number of the newest CONNECT, once
    it has one; answers to any other are ignored (NSP-014)."""

    name: str
    state: State = State.DETACHED
    auth: Any = None
    generation: int = 0
    connect: int | None = None
    socket_id: str | None = None

    def connecting(self, auth: Any) -> None:
        self.state = State.PENDING
        self.auth = auth
        self.generation += 1
        self.connect = None
        self.socket_id = None

    def again(self) -> None:
        """SES-048: a fresh session begins; the same attachment is asked for once more."""
        self.state = State.PENDING
        self.connect = None
        self.socket_id = None

    def answers(self, connect: int) -> bool:
        return self.state is State.PENDING and self.connect == connect

    def connected(self, socket_id: str) -> None:
        self.state = State.CONNECTED
        self.socket_id = socket_id

    def detached(self) -> None:
        self.state = State.DETACHED
        self.connect = None
        self.socket_id = None
