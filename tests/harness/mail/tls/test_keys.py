"""Private keys: which are accepted, and how they are stored."""

from __future__ import annotations

import pytest

from extauth.harness.mail.tls.keys import (
    VERIFIED,
    DomainSecurityError,
    der_of_key,
    description,
    read_der_key,
    read_pem_key,
    run_key_test,
)
from tests.harness.mail.tls.pem import ec_key, openssl, rsa_key


@pytest.mark.parametrize(("pem", "kind"), [(rsa_key, "RSA, 2048 bits"), (ec_key, "EC secp256r1, 256 bits")])
def test_a_good_key_passes_the_key_test(pem: object, kind: str) -> None:
    assert callable(pem)
    key = read_pem_key(pem())
    assert run_key_test(key) == VERIFIED == "Verification String is OK"
    assert description(key) == kind


def test_an_rsa_key_is_stored_as_pkcs1() -> None:
    stored = der_of_key(read_pem_key(rsa_key()))
    assert stored == openssl("rsa", "-traditional", "-outform", "DER", given=rsa_key())
    assert der_of_key(read_der_key(stored)) == stored
    pkcs8 = openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", given=rsa_key())
    assert der_of_key(read_der_key(pkcs8)) == stored


def _encrypted(*form: str) -> bytes:
    return openssl("pkcs8", "-topk8", "-passout", "pass:open sesame", *form, given=ec_key())


@pytest.mark.parametrize(
    ("pem", "problem"),
    [
        (lambda: b"", "no private key in PEM"),
        (lambda: b"-----BEGIN CERTIFICATE-----\n", "no private key in PEM"),
        (lambda: rsa_key().replace(b"M", b"N"), "the private key is damaged"),
        (lambda: rsa_key(512), "the RSA key has 512 bits; it must have at least 2048"),
        (lambda: openssl("genpkey", "-algorithm", "ed25519"), "must be an RSA or EC key"),
        (lambda: ec_key(1, "secp256k1"), "has the curve secp256k1; it must be secp256r1"),
        (_encrypted, "is encrypted; remove its pass phrase: openssl pkey"),
    ],
)
def test_another_key_is_refused_with_the_reason(pem: object, problem: str) -> None:
    assert callable(pem)
    with pytest.raises(DomainSecurityError, match=problem):
        read_pem_key(pem())


def test_der_that_is_no_usable_key_is_refused() -> None:
    with pytest.raises(DomainSecurityError, match="is not DER in the form of PKCS#1"):
        read_der_key(b"no key")
    with pytest.raises(DomainSecurityError, match="is encrypted"):
        read_der_key(_encrypted("-outform", "DER"))
