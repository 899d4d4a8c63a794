"""What is late, counted by the database."""

from datetime import datetime

from sqlalchemy import func
from sqlmodel import col, select

from consent_center.storage.columns import seconds
from consent_center.storage.tasks import TaskRow
from consent_center.storage.transaction import Transaction


def late_tasks(tx: Transaction, *, at: datetime) -> dict[str, int]:
    """Recipient -> how many open propagation tasks are past their due time."""
    query = (
        select(TaskRow.recipient, func.count())
        .where(TaskRow.outcome == "", col(TaskRow.due_at) <= seconds(at))
        .group_by(TaskRow.recipient)
    )
    return dict(tx.session.exec(query).all())
