"""The terms on which calls are taken: who needs a key, which hosts and pages may call, where to listen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from revaer.api.heads import HostList
from revaer.api.settings import ApiSettings, CertificateFiles
from revaer.config.messages import ConfigSnapshot
from revaer.security.messages import Client, NetworkRules, is_loopback

LOOPBACK = "127.0.0.1"
"""Where the API listens when it must not be reached from elsewhere."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for calls at one revision.

    Attributes:
        revision: the configuration's revision; 0 before the first was read.
        mode: `setup` or `active`.
        keys_needed: whether callers in local networks need a key, as all others do.
        settings: where to listen, and where torrents may be put.
        network: proxies, local networks, hosts and origins.
        proxies: networks of trusted proxies, as its local networks.
        hosts: by which names this host may be called.
        has_origins: whether any page may call.
    """

    revision: int
    mode: str
    keys_needed: bool
    settings: ApiSettings
    network: NetworkRules
    proxies: NetworkRules
    hosts: HostList
    has_origins: bool

    @property
    def in_setup(self) -> bool:
        """Whether the setup is still to be completed."""
        return self.mode == "setup"

    def is_proxy(self, peer: str) -> bool:
        """Tell whether a connection's other end is a trusted proxy."""
        return self.proxies.is_local(Client(peer))


def terms_of(snapshot: ConfigSnapshot) -> Terms:
    """Return the terms of a configuration."""
    effective, configuration = snapshot.effective, snapshot.configuration
    profile, tls = effective["app_profile"], configuration.app_profile.tls
    settings = ApiSettings(
        download_root=Path(effective["engine_profile"]["download_root"]),
        bind=profile["bind_addr"],
        port=profile["http_port"],
        allow_paths=tuple(Path(path) for path in configuration.fs_policy.allow_paths),
        library_root=Path(effective["fs_policy"]["library_root"]),
        allowed_hosts=tuple(configuration.app_profile.allowed_hosts),
        tls=None if tls is None else CertificateFiles(tls.cert_file, tls.key_file),
        configuration=configuration,
    )
    return _terms(snapshot.revision, configuration.app_profile.mode, settings)


def first_terms(settings: ApiSettings, mode: str) -> Terms:
    """Return the terms while no configuration was read."""
    return _terms(0, mode, settings)


def _terms(revision: int, mode: str, settings: ApiSettings) -> Terms:
    profile = settings.configuration.app_profile
    if mode == "setup" and not is_loopback(settings.bind):
        settings = replace(settings, bind=LOOPBACK)
    network = NetworkRules(
        bind=settings.bind,
        trusted_proxies=profile.trusted_proxies,
        local_networks=profile.local_networks,
        allowed_hosts=settings.allowed_hosts,
        allowed_origins=profile.allowed_origins,
    )
    return Terms(
        revision=revision,
        mode=mode,
        keys_needed=profile.auth_mode == "api_key",
        settings=settings,
        network=network,
        proxies=NetworkRules(bind=settings.bind, local_networks=profile.trusted_proxies),
        hosts=HostList(network),
        has_origins=bool(profile.allowed_origins),
    )
