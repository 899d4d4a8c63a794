"""Law: a form's token fits one browser and one action; what the database keeps of a secret does not open anything."""

from hypothesis import given
from hypothesis import strategies as st

from consent_center.web.pages import local_path
from consent_center.web.tokens import fingerprint, form_token, is_form_token, new_secret


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_a_token_fits_its_browser_and_action_only(secret: str, action: str, other_secret: str, other: str) -> None:
    action, other = (text.encode("utf-8", "replace").decode() for text in (action, other))
    token = form_token(secret, action)
    assert is_form_token(token, secret=secret, action=action)
    if other != action:
        assert not is_form_token(token, secret=secret, action=other)
    if fingerprint(other_secret) != fingerprint(secret):
        assert not is_form_token(token, secret=other_secret, action=action)


@given(st.text())
def test_any_text_may_be_offered_as_a_token(text: str) -> None:
    assert not is_form_token(text, secret=new_secret(), action="/x")


def test_the_fingerprint_of_a_secret_is_not_the_secret() -> None:
    secret = new_secret()
    assert secret.encode() not in fingerprint(secret)
    assert len(fingerprint(secret)) == 32


@given(st.text())
def test_going_back_never_leaves_this_host(text: str) -> None:
    path = local_path(text)
    assert path.startswith("/")
    assert not path.startswith("//")
    assert "\\" not in path
