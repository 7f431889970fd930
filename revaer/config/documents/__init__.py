"""The configuration documents as models: every field with its unit, default and bound. Unknown fields are refused."""

from revaer.config.documents.app import AppProfile, Telemetry, Tls
from revaer.config.documents.base import Document
from revaer.config.documents.configuration import DOCUMENTS, Configuration
from revaer.config.documents.engine import EngineProfile
from revaer.config.documents.engine_parts import (
    AltSpeed,
    AltSpeedWindow,
    IpFilter,
    PeerClass,
    PortRange,
    Proxy,
    TrackerSettings,
)
from revaer.config.documents.filesystem import ExtractLimits, FsPolicy
from revaer.config.documents.kinds import RATE_CEILING
from revaer.config.documents.labels import Cleanup, LabelPolicies, LabelPolicy

__all__ = [
    "DOCUMENTS",
    "RATE_CEILING",
    "AltSpeed",
    "AltSpeedWindow",
    "AppProfile",
    "Cleanup",
    "Configuration",
    "Document",
    "EngineProfile",
    "ExtractLimits",
    "FsPolicy",
    "IpFilter",
    "LabelPolicies",
    "LabelPolicy",
    "PeerClass",
    "PortRange",
    "Proxy",
    "Telemetry",
    "Tls",
    "TrackerSettings",
]
