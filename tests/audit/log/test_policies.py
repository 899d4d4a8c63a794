"""A policy accepts a checkpoint exactly when the log signed it and its quorum of witnesses cosigned it."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import FormatError, OriginError, QuorumError, SignatureError
from audit.log.checkpoint import Checkpoint, sign
from audit.log.cosignature import Algorithm, Cosigner
from audit.log.note import SignerKey
from audit.log.tlog_policy import parse_log_key, parse_policy, policy_for

LOG = SignerKey.from_seed("example.com/log", bytes(32))
OTHER_LOG = SignerKey.from_seed("example.com/other", b"\1" * 32)
WITNESSES = {
    name: Cosigner.from_seed(f"{name.lower()}.example", bytes([i]) * 32, algorithm)
    for i, (name, algorithm) in enumerate(
        itertools.product(["X1", "X2", "X3", "Y1", "Y2"], [Algorithm.ED25519]), start=2
    )
} | {"Y3": Cosigner.from_seed("y3.example", b"\x09" * 32, Algorithm.ML_DSA_44)}
CHECKPOINT = Checkpoint(LOG.name, 5, bytes(range(32)))
LINES = {name: witness.cosignature_line(CHECKPOINT.text(), at=7) for name, witness in WITNESSES.items()}

HEAD = f"log {LOG.verifier.text()}\n" + "".join(f"witness {n} {w.verifier.text()}\n" for n, w in WITNESSES.items())
# Source: C2SP tlog-policy, the example.
EXAMPLE = (
    HEAD
    + """
# two of the X witnesses and any of the Y witnesses
group X-witnesses 2 X1 X2 X3
\tgroup Y-witnesses  any Y1\tY2 Y3
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""
)


def cosigned(*names):
    return sign(CHECKPOINT, LOG) + b"".join(LINES[name] for name in names)


@given(st.sets(st.sampled_from(sorted(WITNESSES))))
def test_the_example_of_the_specification_asks_for_two_x_and_one_y(names):
    policy = parse_policy(EXAMPLE.encode())
    enough = len(names & {"X1", "X2", "X3"}) >= 2 and bool(names & {"Y1", "Y2", "Y3"})
    if enough:
        accepted = policy.accept(cosigned(*names), origin=LOG.name)
        assert accepted.checkpoint == CHECKPOINT
        assert set(accepted.witnesses) == names
    else:
        with pytest.raises(QuorumError) as refused:
            policy.accept(cosigned(*names), origin=LOG.name)
        assert set(refused.value.witnesses) == names


def test_a_quorum_may_be_one_witness_or_none():
    one = parse_policy((HEAD + "quorum Y3\n").encode())
    assert one.accept(cosigned("Y3"), origin=LOG.name).witnesses == ("Y3",)
    with pytest.raises(QuorumError):
        one.accept(cosigned("X1"), origin=LOG.name)
    assert parse_policy((HEAD + "quorum none\n").encode()).accept(cosigned(), origin=LOG.name).witnesses == ()


def test_one_witness_twice_is_one_witness():
    policy = parse_policy((HEAD + "group g 2 X1 X2\nquorum g\n").encode())
    again = WITNESSES["X1"].cosignature_line(CHECKPOINT.text(), at=8)
    with pytest.raises(QuorumError):
        policy.accept(cosigned("X1", "X1") + again, origin=LOG.name)


def test_witnesses_do_not_stand_in_for_the_log():
    policy = parse_policy(EXAMPLE.encode())
    with pytest.raises(SignatureError):
        policy.accept(sign(CHECKPOINT, OTHER_LOG) + LINES["X1"] + LINES["X2"] + LINES["Y1"], origin=LOG.name)


def test_a_log_is_taken_at_its_own_origin_only():
    policy = parse_policy(f"log {LOG.verifier.text()}\nlog {OTHER_LOG.verifier.text()}\nquorum none\n".encode())
    assert policy.accept(sign(CHECKPOINT, LOG), origin=LOG.name)
    with pytest.raises(SignatureError):
        policy.accept(sign(CHECKPOINT, OTHER_LOG), origin=LOG.name)
    with pytest.raises(OriginError):
        policy.accept(sign(CHECKPOINT, OTHER_LOG), origin=OTHER_LOG.name)
    with pytest.raises(SignatureError):
        policy.accept(sign(CHECKPOINT, LOG), origin="example.com/unknown")


def test_a_known_witness_with_a_wrong_cosignature_refuses_the_checkpoint():
    policy = parse_policy((HEAD + "quorum X1\n").encode())
    wrong = WITNESSES["X2"].cosignature_line(Checkpoint(LOG.name, 6, bytes(32)).text(), at=7)
    with pytest.raises(SignatureError):
        policy.accept(cosigned("X1") + wrong, origin=LOG.name)


def test_a_log_may_sign_with_ml_dsa():
    signer = Cosigner.from_seed(LOG.name, b"\x21" * 32, Algorithm.ML_DSA_44)
    note = CHECKPOINT.text() + b"\n" + signer.cosignature_line(CHECKPOINT.text(), at=0)
    key = parse_log_key(signer.verifier.text())
    assert policy_for(key).accept(note, origin=LOG.name).checkpoint == CHECKPOINT
    assert parse_policy(f"log {signer.verifier.text()} https://example.com\nquorum none\n".encode()).logs[0].key == key


def test_addresses_names_in_any_bytes_and_comments_are_kept_apart():
    x1, x2 = (WITNESSES[name].verifier.text() for name in ("X1", "X2"))
    data = b"  # bar\xff\n\n \t\nwitness K " + x1.encode() + b" https://w.example \nwitness \xe2\x84\xaa " + x2.encode()
    policy = parse_policy(data + b"\ngroup \xff all K \xe2\x84\xaa\nquorum \xff\n")
    assert [witness.url for witness in policy.witnesses.values()] == ["https://w.example", None]
    assert policy.groups[policy.quorum].threshold == 2


X1 = WITNESSES["X1"].verifier.text()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "newline"),
        ("\n", "no quorum"),
        (HEAD, "no quorum"),
        ("quorum none", "newline"),
        ("quorum none\r\n", "control"),
        ("quorum none\0\n", "control"),
        ("quorum none\nquorum none\n", "line 2: a second quorum"),
        ("quorum X1\n", "before it is defined"),
        ("quorum\n", "too many or few words"),
        ("quorum none extra\n", "too many or few words"),
        ("Quorum none\n", "neither"),
        ("log\nquorum none\n", "too many or few words"),
        (f"log {LOG.verifier.text()} url more\nquorum none\n", "too many or few words"),
        (f"log {LOG.verifier.text()}\nlog {LOG.verifier.text()}\nquorum none\n", "the same log key twice"),
        (f"witness X1 {LOG.verifier.text()}\nquorum none\n", "0x04 or 0x06"),
        (f"witness none {X1}\nquorum none\n", "reserved"),
        (f"witness a {X1}\nwitness b {X1}\nquorum none\n", "the same witness key twice"),
        (HEAD + f"witness X1 {X1}\nquorum none\n", "twice"),
        (HEAD + "group X1 any X2\nquorum none\n", "twice"),
        (HEAD + "group none any X2\nquorum none\n", "reserved"),
        (HEAD + "group g any\nquorum none\n", "too many or few words"),
        (HEAD + "group g 0 X1\nquorum none\n", "0 of 1"),
        (HEAD + "group g 2 X1\nquorum none\n", "2 of 1"),
        (HEAD + "group g 01 X1\nquorum none\n", "plain decimal"),
        (HEAD + "group g -1 X1\nquorum none\n", "plain decimal"),
        (HEAD + "group g most X1\nquorum none\n", "plain decimal"),
        (HEAD + "group g any X1 X1\nquorum none\n", "a member twice"),
        (HEAD + "group g any X1\ngroup h any X1\nquorum none\n", "a member twice"),
        (HEAD + "group g any g\nquorum none\n", "before it is defined"),
        (HEAD + "group g any none\nquorum none\n", "before it is defined"),
        ("quorum g\n" + HEAD + "group g any X1\n", "before it is defined"),
    ],
)
def test_every_other_policy_is_refused_with_its_reason(text, why):
    with pytest.raises(FormatError, match=why):
        parse_policy(text.encode())


def test_the_limits_recommended_by_the_specification_are_supported():
    text = ""
    for i in range(40):
        text += f"log {SignerKey.from_seed(f'l{i}.example', bytes([i + 1]) * 32).verifier.text()}\n"
        text += (
            f"witness w{i} {Cosigner.from_seed('w.example', bytes([i + 1]) * 32, Algorithm.ED25519).verifier.text()}\n"
        )
        text += f"group g{i} any w{i}" + (f" g{i - 1}" if i else "") + "\n"
    assert len(parse_policy((text + "quorum g39\n").encode()).logs) == 40
