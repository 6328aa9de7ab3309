"""Stored bodies come back byte for byte, or are known to be closed to this process."""

import hashlib
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.body_codec import DICTIONARY_1, NEWER, Bodies, UnknownRecordError
from tests.support.factories import delivery_body, message_item
from tests.support.releases import check_out

BEFORE_SERVICES = "f50a0892"
OLD, NEW = b"o" * 32, b"n" * 32
BODY = delivery_body(
    message_item("wamid.HBgMMzUxOTAwMDAwMDAxFQIAEhgUM0E", "Is there a red one?", at=1_795_348_000)
)


@given(st.binary(max_size=3_000))
def test_any_bytes_come_back(body: bytes) -> None:
    plain, sealed = Bodies(), Bodies([NEW])

    assert plain.open(plain.pack(body)) == body
    assert sealed.open(sealed.pack(body)) == body


def test_three_megabytes_come_back() -> None:
    body = os.urandom(1_500_000).hex().encode()

    assert Bodies([NEW]).open(Bodies([NEW]).pack(body)) == body


def test_a_plain_message_takes_less_than_six_tenths_of_its_size() -> None:
    compact = json.dumps(json.loads(BODY), separators=(",", ":")).encode()

    assert len(Bodies().pack(compact)) < 0.6 * len(compact)


def test_a_record_of_today_opens_for_ever() -> None:
    plain = bytes.fromhex("01783f015872da232a1a6a01166a0eb1")
    assert Bodies().open(plain) == b'{"object":"whatsapp_business_account"}'
    checked = bytes.fromhex("03c671bf0d783f015872da232a1a6a01166a0eb1")
    assert Bodies().open(checked) == b'{"object":"whatsapp_business_account"}'
    sealed = bytes.fromhex(
        "02eb8598ec2adbd62e1a07fcdfdae77fc4260bea50c6cf15d623ed51209532cfb39b2b"
        "b2fc8623701be4b5c4d63d9da46a"
    )
    assert Bodies([NEW]).open(sealed) == b'{"object":"whatsapp_business_account"}'


def opened(record: bytes) -> bytes | None:
    try:
        return Bodies([NEW]).open(record)
    except UnknownRecordError:
        return None


@pytest.mark.parametrize("keys", [[], [NEW]], ids=["plain", "sealed"])
def test_a_record_in_which_one_bit_was_turned_never_opens_as_something_else(
    keys: list[bytes],
) -> None:
    record = Bodies(keys).pack(BODY)
    turned = [bytearray(record) for _ in range(len(record) * 8)]
    for bit, one in enumerate(turned):
        one[bit // 8] ^= 1 << bit % 8

    found = [opened(bytes(one)) for one in turned]

    # Some bits of a compressed stream mean nothing, such as those that fill up its last byte.
    assert set(found) <= {None, BODY}
    assert found.count(None) > 0.99 * len(found)


def test_what_another_checksum_lets_pass_does_not_open() -> None:
    packer = zlib.compressobj(level=1, zdict=DICTIONARY_1)
    other = packer.compress(b"another body") + packer.flush()

    assert opened(b"\x01" + other) == b"another body"
    assert opened(b"\x03" + zlib.crc32(b"the body").to_bytes(4) + other) is None


def test_the_dictionary_is_frozen() -> None:
    assert (
        hashlib.sha256(DICTIONARY_1).hexdigest()
        == "aaa15924deece561f47a0102924bb1acdde999b81a8b7a2ccdc93aff911aff04"
    )


def test_keys_are_rotated_with_the_newest_first() -> None:
    before, after = Bodies([OLD]), Bodies([NEW, OLD])

    assert after.open(before.pack(BODY)) == BODY
    with pytest.raises(UnknownRecordError, match="key"):
        before.open(after.pack(BODY))


def test_what_was_kept_before_there_were_keys_still_opens() -> None:
    assert Bodies([NEW]).open(Bodies().pack(BODY)) == BODY


def test_a_sealed_body_is_not_readable_and_never_the_same_twice() -> None:
    one, two = Bodies([NEW]).pack(b"a secret"), Bodies([NEW]).pack(b"a secret")

    assert one != two
    assert b"secret" not in one


PLAIN, SEALED = Bodies().pack(BODY), Bodies([NEW]).pack(BODY)


@pytest.mark.parametrize(
    "record",
    [
        b"", b"\x00", b"\x05" + PLAIN[1:], b"{}", b"\x01", PLAIN[:-1], PLAIN[:20], PLAIN + b"\x00",
        b"\x01\xff\xff", b"\x03", b"\x03abcd", b"\x02", SEALED[:5], SEALED[:12],
        SEALED[:17], SEALED[:-1],
        SEALED + b"\x00",
        SEALED[:-1] + bytes([SEALED[-1] ^ 1]), SEALED[:1] + b"zzzz" + SEALED[5:],
    ],
    ids=[
        "nothing", "format 0", "format 5", "no record", "no content", "cut by a byte",
        "cut in half",
        "too long", "no deflate", "no checksum", "a checksum only", "no key",
        "no nonce", "half a nonce", "no seal", "seal cut",
        "seal too long", "a flipped bit", "a key that we do not have",
    ],
)  # fmt: skip
def test_what_cannot_be_opened_whole_is_not_opened(record: bytes) -> None:
    with pytest.raises(UnknownRecordError):
        Bodies([NEW]).open(record)


def test_a_sealed_record_is_closed_to_a_process_without_keys() -> None:
    with pytest.raises(UnknownRecordError, match="key"):
        Bodies().open(SEALED)


def test_an_answer_of_a_service_is_closed_to_the_release_before(tmp_path: Path) -> None:
    """Such a worker sets the delivery aside, as all that it cannot open."""
    before = check_out(BEFORE_SERVICES, tmp_path / "before")
    script = (
        "import sys\nfrom gateway.store.body_codec import Bodies, UnknownRecordError\n"
        "try:\n    Bodies().open(sys.stdin.buffer.read())\n"
        "except UnknownRecordError as error:\n    print(error)\n"
    )
    record = Bodies().pack(BODY, NEWER)

    read = subprocess.run(
        [sys.executable, "-c", script], cwd=before, input=record, capture_output=True, check=True
    )

    assert (read.stdout.strip(), Bodies().open(record)) == (b"format 04", BODY)
