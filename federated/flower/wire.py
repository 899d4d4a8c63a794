"""One message of Accord in one record of Flower.

The bytes of `federated.exchange` travel in a single ConfigRecord: fewer objects for Flower to hash and send, and the
site's outbox can send exactly what it stored.
"""

from flwr.app import ConfigRecord, RecordDict

from federated.errors import MalformedError

RECORD = "accord"
FIELD = "message"


def pack(message: bytes) -> RecordDict:
    """Put a message into Flower's content."""
    return RecordDict({RECORD: ConfigRecord({FIELD: message})})


def unpack(content: RecordDict) -> bytes:
    """Take a message out of Flower's content.

    Raises:
        MalformedError: it holds none.
    """
    record = content.get(RECORD)
    message = record.get(FIELD) if isinstance(record, ConfigRecord) else None
    if not isinstance(message, bytes):
        raise MalformedError("the message of Flower holds no message of Accord")
    return message
