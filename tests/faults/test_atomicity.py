"""No workflow can leave an entry without its state, or state without its entry: each is one transaction, kept whole.

`python -m faults workflows` lets every statement of every workflow fail once. Here: the laws that make it so, held
against the source of all of them, the short run over the ones that matter most, and the harness's own control.
"""

import ast
from importlib import import_module
from pathlib import Path

import pytest
from sqlmodel import SQLModel

import consent_center
from consent_center.storage import schema
from faults.atomicity import ALONE, NOT_RECORDED, UNRECORDED
from faults.workflows import judged, planted_is_seen, try_tests, workflows

ROOT = Path(consent_center.__file__).parent
OWN_TRANSACTIONS = {"commit", "rollback", "begin", "driver", "alone"}
"""What only the store does."""


def functions_in_transactions():
    """Every function that is handed a transaction, with its module."""
    for place in sorted([*ROOT.glob("workflows/*.py"), *ROOT.glob("storage/*.py")]):
        if place.name == "transaction.py":
            continue
        for node in ast.walk(ast.parse(place.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.args.args and node.args.args[0].arg == "tx":
                yield f"{place.parent.name}.{place.stem}.{node.name}", node


FUNCTIONS = dict(functions_in_transactions())


def test_no_workflow_commits_or_opens_a_transaction_of_its_own():
    for name, function in FUNCTIONS.items():
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute) and node.attr in OWN_TRANSACTIONS:
                where = ast.unparse(node)
                assert not where.startswith(("tx.", "connection.", "session.")), f"{name}: {where}"
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("tx.store.run", "store.run"):
                raise AssertionError(f"{name}: {ast.unparse(node)}")


def test_no_workflow_goes_on_after_a_statement_that_failed():
    broad = {"Exception", "BaseException", "StorageError", "SQLAlchemyError", "IntegrityError", "ConsentCenterError"}
    for name, function in FUNCTIONS.items():
        for node in ast.walk(function):
            if not isinstance(node, ast.Try):
                continue
            writes = [
                call
                for call in ast.walk(ast.Module(node.body, []))
                if isinstance(call, ast.Call) and any(ast.unparse(one) == "tx" for one in call.args)
            ]
            for handler in node.handlers:
                kinds = {"Exception"} if handler.type is None else {
                    ast.unparse(one).rpartition(".")[2]
                    for one in (handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type])
                }  # fmt: skip
                assert not (writes and kinds & broad), f"{name} catches {kinds} around {ast.unparse(writes[0])}"


def test_workflows_are_read_off_the_source():
    known = workflows()
    assert {
        "workflows.admit_run.admit_run",
        "workflows.erase_member.erase_member",
        "storage.ledger.open_account",
    } <= known
    assert len(known) > 80


def test_every_excuse_is_of_a_workflow_or_table_that_exists_and_says_why():
    schema.load()
    assert set(SQLModel.metadata.tables) >= NOT_RECORDED
    for name in (*UNRECORDED, *ALONE):
        module, _, function = name.rpartition(".")
        assert callable(getattr(import_module(f"consent_center.{module}"), function))
    assert not set(UNRECORDED) & set(ALONE)
    assert all(len(why.split()) > 2 for why in (*UNRECORDED.values(), *ALONE.values()))


def test_a_planted_fault_is_seen():
    assert "swallows went on" in planted_is_seen()


@pytest.mark.fault
def test_workflows_are_whole_whichever_of_their_statements_fails():
    report = try_tests(
        "tests/consent_center/log/test_erasure.py::test_nothing_is_left_and_every_proof_verifies",
        "tests/consent_center/workflows/test_admission.py::test_a_round_is_settled_once_and_nothing_follows_the_end",
        marks="not postgres",
    )
    assert judged(report) == []
    for name in (
        "give_consent",
        "withdraw_consent",
        "erase_member",
        "delegate",
        "set_switch",
        "admit_run",
        "settle_run",
    ):
        assert [tried for tried in report["tried"] if tried.endswith(f".{name}")], name
    assert sum(report["tried"].values()) > 60
