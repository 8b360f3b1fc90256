"""A client of the Trunkline protocol, version 1: levels Core and Resume, over WebSocket."""

from .client import AckLost, Client, EventFailed, Refused
from .limits import Limits
from .links import Options

__all__ = ["AckLost", "Client", "EventFailed", "Limits", "Options", "Refused"]
