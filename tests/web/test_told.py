"""Law: what is marked as taken out and put in gives exactly the old and the new text; nothing unchanged is marked."""

from hypothesis import given
from hypothesis import strategies as st

from consent_center.portal.told import marked

TEXTS = st.text(alphabet="ab cd年12個月.，\n", max_size=40)


@given(TEXTS, TEXTS)
def test_the_pieces_give_both_texts(old: str, new: str) -> None:
    pieces = marked(old, new)
    assert "".join(text for kind, text in pieces if kind != "ins") == old
    assert "".join(text for kind, text in pieces if kind != "del") == new


@given(TEXTS)
def test_an_unchanged_text_has_no_mark(text: str) -> None:
    assert all(kind == "same" for kind, _ in marked(text, text))


def test_a_changed_number_is_marked_as_a_word() -> None:
    assert marked("Kept for 24 months.", "Kept for 12 months.") == [
        ("same", "Kept for "),
        ("del", "24"),
        ("ins", "12"),
        ("same", " months."),
    ]
