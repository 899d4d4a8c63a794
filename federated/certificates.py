"""A small authority of our own for TLS between coordinator, consent centre and sites, and the P-384 keys of nodes.

The authority signs servers' certificates for the names and addresses they are reached under; sites pin the authority,
nobody else's. A node's key is not certified: its public half is registered at the coordinator.
"""

import os
import stat
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from federated.errors import MalformedError

AUTHORITY_LASTS = timedelta(days=3650)
SERVER_LASTS = timedelta(days=397)


def create_authority(folder: Path, *, name: str, at: datetime) -> Path:
    """Make an authority: `ca.key`, which only its owner reads, and `ca.crt`, which everybody may.

    Returns:
        The path of `ca.crt`.

    Raises:
        FileExistsError: there is one already.
    """
    key = create_node_key(folder / "ca.key")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(minutes=5))
        .not_valid_after(at + AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA384())
    )
    path = folder / "ca.crt"
    path.write_bytes(made.public_bytes(Encoding.PEM))
    return path


def issue_server(
    authority: Path, folder: Path, *, hosts: Sequence[str], at: datetime, lasts: timedelta = SERVER_LASTS
) -> tuple[Path, Path]:
    """Make a server's key and certificate, signed by an authority.

    Args:
        authority: folder of the authority.
        folder: where `server.crt` and `server.key` go.
        hosts: names and addresses that it is reached under.
        at: now.
        lasts: for how long it is valid.

    Returns:
        The paths of certificate and key.

    Raises:
        FileExistsError: there is a key already.
        MalformedError: the authority cannot be read.
    """
    signer, certificate = read_node_key(authority / "ca.key"), _certificate(authority / "ca.crt")
    key = create_node_key(folder / "server.key")
    names = [_name(host) for host in hosts]
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])]))
        .issuer_name(certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(minutes=5))
        .not_valid_after(at + lasts)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, SHA384())
    )
    path = folder / "server.crt"
    path.write_bytes(made.public_bytes(Encoding.PEM))
    return path, folder / "server.key"


def create_node_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Make a P-384 key in a new file that only its owner can read.

    Raises:
        FileExistsError: there is a file already.
    """
    key = ec.generate_private_key(ec.SECP384R1())
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key


def read_node_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a P-384 key.

    Raises:
        MalformedError: missing, readable by others, or another kind of key.
    """
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise MalformedError(f"the key file {path.name} can be read by others; run chmod 600 on it")
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise MalformedError(f"cannot read the key file {path.name}; check the path and its owner") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP384R1):
        raise MalformedError(f"the key in {path.name} is not a P-384 key")
    return key


def public_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """The public half of a node's key, as it is sent to the hub."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def read_public_pem(text: str) -> ec.EllipticCurvePublicKey:
    """Read what `public_pem` wrote.

    Raises:
        MalformedError: not a public P-384 key.
    """
    try:
        key = load_pem_public_key(text.encode("ascii"))
    except (ValueError, UnicodeEncodeError) as error:
        raise MalformedError("not a public key in PEM form") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise MalformedError("a node's key is a P-384 key")
    return key


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise MalformedError(f"cannot read the certificate {path.name}; check the path") from error


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
