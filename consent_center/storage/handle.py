"""What the lowest storage modules need of a transaction; they are below it and must not import it."""

from typing import Protocol

from sqlmodel import Session

from privacy.keys import Wrapper


class Handle(Protocol):
    """A transaction, seen from below."""

    @property
    def session(self) -> Session:
        """Its session."""

    @property
    def keys(self) -> Wrapper:
        """Wraps and unwraps members' keys."""

    @property
    def dialect(self) -> str:
        """The name "sqlite" or "postgresql"."""
