"""A checkpoint has one spelling, belongs to one log, and is worth nothing without a signature."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import FormatError, OriginError, SignatureError
from audit.log.checkpoint import Checkpoint, parse, sign, verify
from audit.log.note import SignerKey

KEY = SignerKey.from_seed("example.com/log", bytes(32))
OTHER = SignerKey.from_seed("example.com/log", b"\1" * 32)
ROOT = bytes(range(32))
LINES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=20)


@given(LINES, st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32), st.lists(LINES, max_size=2))
def test_reading_a_checkpoint_gives_what_was_written(origin, size, root, extensions):
    checkpoint = Checkpoint(origin, size, root, tuple(extensions))
    note = sign(checkpoint, KEY)
    assert parse(note) == checkpoint
    assert verify(note, keys=[KEY.verifier], origin=origin) == checkpoint
    assert Checkpoint.of_text(checkpoint.text()) == checkpoint


def test_the_text_is_that_of_the_specification():
    # Source: C2SP tlog-checkpoint, the example.
    text = b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = Checkpoint.of_text(text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == text


HASH = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "log\n",
        "log\n1\n",
        f"log\n1\n{HASH}",
        f"\n1\n{HASH}\n",
        f"log\n01\n{HASH}\n",
        f"log\n00\n{HASH}\n",
        f"log\n+1\n{HASH}\n",
        f"log\n-1\n{HASH}\n",
        f"log\n 1\n{HASH}\n",
        f"log\n1 \n{HASH}\n",
        f"log\n1_0\n{HASH}\n",
        f"log\n1.0\n{HASH}\n",
        f"log\n0x1\n{HASH}\n",
        f"log\n\u0661\n{HASH}\n",
        f"log\n{2**63}\n{HASH}\n",
        f"log\n{'9' * 30}\n{HASH}\n",
        f"log\n\n{HASH}\n",
        "log\n1\n\n",
        f"log\n1\n{HASH[:-1]}\n",
        f"log\n1\n{HASH[:-2]}J=\n",
        f"log\n1\n{HASH} \n",
        "log\n1\nAAAA\n",
        f"log\n1\n{HASH}\n\n",
        f"log\n1\n{HASH}\n\nextension\n",
    ],
)
def test_every_other_spelling_is_refused(text):
    with pytest.raises(FormatError):
        Checkpoint.of_text(text.encode())


@pytest.mark.parametrize(
    ("origin", "size", "root", "extensions"),
    [
        ("", 1, ROOT, ()),
        ("a\nb", 1, ROOT, ()),
        ("a", -1, ROOT, ()),
        ("a", 2**63, ROOT, ()),
        ("a", 1, ROOT[:31], ()),
        ("a", 1, ROOT, ("",)),
        ("a", 1, ROOT, ("x\ny",)),
    ],
)
def test_what_cannot_be_written_cannot_be_made(origin, size, root, extensions):
    with pytest.raises(FormatError):
        Checkpoint(origin, size, root, extensions)


def test_a_checkpoint_of_another_log_is_refused():
    note = sign(Checkpoint("example.com/other", 1, ROOT), KEY)
    with pytest.raises(OriginError) as refused:
        verify(note, keys=[KEY.verifier], origin="example.com/log")
    assert (refused.value.found, refused.value.expected) == ("example.com/other", "example.com/log")


def test_a_checkpoint_by_another_key_is_refused_though_it_has_the_same_name():
    note = sign(Checkpoint("example.com/log", 1, ROOT), OTHER)
    with pytest.raises(SignatureError):
        verify(note, keys=[KEY.verifier], origin="example.com/log")
