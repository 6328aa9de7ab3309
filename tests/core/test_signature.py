"""A body is believed only with a signature made by one of the active secrets."""

import pytest

from gateway.core.webhook.signature import SignatureError, sign, verify

COMPACT = b'{"object":"whatsapp_business_account","entry":[]}'
SPACED = b'{"object": "whatsapp_business_account", "entry": []}'
DIGEST = "dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756"
SPACED_DIGEST = "56cbbaf4961c6cfdae48b7f116c047e5eb513d2c931baae63a2bc1afd26f803a"
OTHER_DIGEST = "769b03d8c2ae6498f2d1e1f7299c0ba55448c69d741e7b0bb243d852d8a8d8c7"
SECRET = b"test_app_secret"


@pytest.mark.parametrize(
    ("secret", "body", "digest"),
    [
        pytest.param(SECRET, COMPACT, DIGEST, id="compact"),
        pytest.param(SECRET, SPACED, SPACED_DIGEST, id="a space changes everything"),
        pytest.param(b"otro_secreto", COMPACT, OTHER_DIGEST, id="other secret"),
    ],
)
def test_known_vectors_are_signed_and_verified(secret: bytes, body: bytes, digest: str) -> None:
    assert sign(body, secret) == f"sha256={digest}"
    assert verify(body, f"sha256={digest}".encode(), [secret]) == 0


@pytest.mark.parametrize(
    ("secrets", "index"),
    [
        pytest.param([SECRET, b"new"], 0, id="first"),
        pytest.param([b"new", SECRET], 1, id="second"),
        pytest.param([SECRET, SECRET], 0, id="twice the same"),
    ],
)
def test_any_active_secret_may_have_signed(secrets: list[bytes], index: int) -> None:
    assert verify(COMPACT, f"sha256={DIGEST}".encode(), secrets) == index


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        pytest.param(None, "missing", id="no header"),
        pytest.param(b"", "malformed", id="empty"),
        pytest.param(DIGEST.encode(), "malformed", id="no prefix"),
        pytest.param(f"sha1={DIGEST}".encode(), "malformed", id="other algorithm"),
        pytest.param(f"sha256={DIGEST.upper()}".encode(), "malformed", id="upper case"),
        pytest.param(f"sha256={DIGEST[:-1]}".encode(), "malformed", id="a digit short"),
        pytest.param(f"sha256={DIGEST}0".encode(), "malformed", id="a digit more"),
        pytest.param(f"sha256={DIGEST}\n".encode(), "malformed", id="newline"),
        pytest.param(b"sha256=" + b"\xc3\xa9" * 32, "malformed", id="not ASCII"),
        pytest.param(f"sha256={OTHER_DIGEST}".encode(), "mismatch", id="other secret's"),
        pytest.param(f"sha256={SPACED_DIGEST}".encode(), "mismatch", id="other body's"),
    ],
)
def test_refused_with_a_reason(header: bytes | None, reason: str) -> None:
    with pytest.raises(SignatureError) as refused:
        verify(COMPACT, header, [b"old_secret", SECRET])
    assert refused.value.reason == reason


def test_without_secrets_nothing_is_believed() -> None:
    with pytest.raises(SignatureError, match="mismatch"):
        verify(COMPACT, f"sha256={DIGEST}".encode(), [])


def test_a_refusal_tells_no_digest() -> None:
    with pytest.raises(SignatureError) as refused:
        verify(COMPACT, f"sha256={OTHER_DIGEST}".encode(), [SECRET])
    assert str(refused.value) == "signature mismatch"
