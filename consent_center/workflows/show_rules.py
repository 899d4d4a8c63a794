"""Queries about the rules that data obeys."""

from consent_center.storage import governance
from consent_center.storage.transaction import Transaction
from consent_center.studies.policy import StudyPolicy
from consent_center.studies.tool import Tool


def show_policy(tx: Transaction) -> StudyPolicy:
    """The rules for studies that hold now."""
    return governance.policy(tx)


def show_tools(tx: Transaction) -> list[Tool]:
    """The newest state of every collection tool, by code."""
    return governance.tools(tx)
