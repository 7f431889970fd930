"""All documents of a node together."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from revaer.config.documents.app import AppProfile
from revaer.config.documents.base import Document
from revaer.config.documents.engine import EngineProfile
from revaer.config.documents.filesystem import FsPolicy
from revaer.config.documents.labels import LabelPolicies

DOCUMENTS: Final = ("app_profile", "engine_profile", "fs_policy", "label_policies")
"""The documents whose contents are configuration; the wire has `api_keys` and `secrets` beside them."""


class Configuration(Document):
    """Every document of a node. Keys and secrets are kept elsewhere."""

    app_profile: AppProfile = Field(default=AppProfile(), description="The node itself and its API listener.")
    engine_profile: EngineProfile = Field(default=EngineProfile(), description="How the BitTorrent engine works.")
    fs_policy: FsPolicy = Field(default=FsPolicy(), description="What becomes of finished downloads, and where.")
    label_policies: LabelPolicies = Field(default=LabelPolicies(), description="What categories and tags give.")
