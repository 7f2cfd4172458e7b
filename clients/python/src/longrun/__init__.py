"""Client and worker for Longrun, a durable service for long-running operations.

:class:`Client` and :class:`AsyncClient` submit operations and ask about them;
:class:`Worker` carries them out, with plain or async functions as handlers.
"""

from ._errors import BadAnswer, Failure, LongrunError, Problem, Unreachable, WaitTimeout
from ._types import (
    ErrorInfo,
    Event,
    EventResource,
    Json,
    NewResource,
    Operation,
    Progress,
    Resource,
    Tally,
)
from ._work import Cancellation, Unit, Whole
from .client import AsyncClient, Client
from .worker import Worker

__all__ = [
    "AsyncClient",
    "BadAnswer",
    "Cancellation",
    "Client",
    "ErrorInfo",
    "Event",
    "EventResource",
    "Failure",
    "Json",
    "LongrunError",
    "NewResource",
    "Operation",
    "Problem",
    "Progress",
    "Resource",
    "Tally",
    "Unit",
    "Unreachable",
    "WaitTimeout",
    "Whole",
    "Worker",
]
__version__ = "0.1.0"
