"""Private keys: read them, test them, and store them as the mail server does. Pure: no files, no settings.

No error and no text of this module holds a part of a key.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from extauth.errors import ExtauthError

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

VERIFIED = "Verification String is OK"
"""What the key test of the mail server shows for a good key."""

_MIN_RSA_BITS = 2_048
_CURVES = ("secp256r1", "secp384r1", "secp521r1")  # those that mail programs know
_VERIFICATION_STRING = b"Verification String"
_OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
_HOW_TO_DECRYPT = "the private key is encrypted; remove its pass phrase: openssl pkey -in KEY -out NEWKEY"


class DomainSecurityError(ExtauthError, ValueError):
    """A key, a certificate or a setting of *Domain Security* is not accepted. The text says why and what to do."""


def read_pem_key(pem: bytes) -> PrivateKey:
    """Return the private key in a PEM text. Raises DomainSecurityError if it cannot be used."""
    if b"PRIVATE KEY-----" not in pem:
        raise DomainSecurityError("no private key in PEM: the text must have a line -----BEGIN PRIVATE KEY-----")
    try:
        key = serialization.load_pem_private_key(pem, None)
    except TypeError:
        raise DomainSecurityError(_HOW_TO_DECRYPT) from None
    except (ValueError, UnsupportedAlgorithm):
        raise DomainSecurityError("the private key is damaged, or of an unknown kind; check it: openssl pkey") from None
    return _usable(key)


def read_der_key(der: bytes) -> PrivateKey:
    """Return the private key in DER: PKCS#1, SEC 1 or PKCS#8. Raises DomainSecurityError if it cannot be used."""
    try:
        key = serialization.load_der_private_key(der, None)
    except TypeError:
        raise DomainSecurityError(_HOW_TO_DECRYPT) from None
    except (ValueError, UnsupportedAlgorithm):
        raise DomainSecurityError("the private key is not DER in the form of PKCS#1, SEC 1 or PKCS#8") from None
    return _usable(key)


def der_of_key(key: PrivateKey) -> bytes:
    """Return a key as the mail server stores it: DER, PKCS#1 for RSA (RFC 8017), SEC 1 for EC (RFC 5915)."""
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())


def description(key: PrivateKey | PublicKey) -> str:
    """Return the kind and the size of a key, such as `RSA, 2048 bits`."""
    kind = "RSA" if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey) else f"EC {key.curve.name}"
    return f"{kind}, {key.key_size} bits"


def fits(key: PrivateKey, public: object) -> bool:
    """Return True if `public` is the public key of `key`."""
    return bool(key.public_key() == public)


def run_key_test(key: PrivateKey) -> str:
    """Sign and verify a string; with RSA, encrypt and decrypt it too. Return VERIFIED, or the reason of a failure."""
    try:
        if isinstance(key, rsa.RSAPrivateKey):
            signature = key.sign(_VERIFICATION_STRING, padding.PKCS1v15(), hashes.SHA256())
            key.public_key().verify(signature, _VERIFICATION_STRING, padding.PKCS1v15(), hashes.SHA256())
            encrypted = key.public_key().encrypt(_VERIFICATION_STRING, _OAEP)
            if key.decrypt(encrypted, _OAEP) != _VERIFICATION_STRING:
                return "the decrypted Verification String differs"
        else:
            signature = key.sign(_VERIFICATION_STRING, ec.ECDSA(hashes.SHA256()))
            key.public_key().verify(signature, _VERIFICATION_STRING, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return "the signature of the Verification String is wrong"
    except ValueError:
        return "the Verification String cannot be decrypted"
    return VERIFIED


def _usable(key: object) -> PrivateKey:
    if not isinstance(key, PrivateKey):
        raise DomainSecurityError("the private key must be an RSA or EC key: mail programs know no other")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < _MIN_RSA_BITS:
        raise DomainSecurityError(
            f"the RSA key has {key.key_size} bits; it must have at least {_MIN_RSA_BITS}, since programs refuse less"
        )
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name not in _CURVES:
        raise DomainSecurityError(f"the EC key has the curve {key.curve.name}; it must be {', '.join(_CURVES)}")
    if (result := run_key_test(key)) != VERIFIED:
        raise DomainSecurityError(f"the private key cannot be used: Key Test: {result}")
    return key
