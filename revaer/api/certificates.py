"""The certificate of the listener: files that become a TLS context, or why they do not. Everything blocks."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TypeAlias

from revaer.api.errors import CertificateRefused
from revaer.api.settings import CertificateFiles

Stamp: TypeAlias = tuple[tuple[int, int, int], ...]
"""What tells one version of the files from another."""


def open_certificate(files: CertificateFiles) -> ssl.SSLContext:
    """Load a certificate with its chain and key.

    Raises:
        CertificateRefused: a file cannot be read or is none of the kind, or the key belongs to another certificate.
    """
    for field, path in files._asdict().items():
        _check_readable(field, path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    _check_certificate(files.cert_file)
    try:
        # Without an answer for the passphrase OpenSSL would ask for it on the terminal.
        context.load_cert_chain(files.cert_file, files.key_file, password=lambda: "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise CertificateRefused("key_file", "belongs to another certificate") from error
        raise CertificateRefused("key_file", "is no PEM file with a private key without passphrase") from error
    except (OSError, ValueError) as error:
        raise CertificateRefused("key_file", "cannot be read") from error
    return context


def certificate_problem(cert_file: str, key_file: str) -> tuple[str, str] | None:
    """Try a certificate and its key; return the field that is wrong, and why. None when both are good."""
    try:
        open_certificate(CertificateFiles(cert_file, key_file))
    except CertificateRefused as error:
        return error.field, error.reason
    return None


def stamp_of(files: CertificateFiles) -> Stamp:
    """Return what changes when the files do; empty when they cannot be looked at."""
    try:
        states = [Path(path).stat() for path in files]
    except OSError:
        return ()
    return tuple((state.st_mtime_ns, state.st_size, state.st_ino) for state in states)


def _check_readable(field: str, path: str) -> None:
    try:
        with Path(path).open("rb") as file:
            file.read(1)
    except OSError as error:
        raise CertificateRefused(field, f"cannot be read: {error.strerror}") from error


def _check_certificate(path: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except (ssl.SSLError, OSError) as error:
        raise CertificateRefused("cert_file", "is no PEM file with a certificate") from error
