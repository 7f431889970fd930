"""What categories and tags give to their torrents, where a torrent does not say itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from revaer.config.documents.base import Document
from revaer.config.documents.kinds import Directory, Label, Rate, Ratio, Seconds


class Cleanup(Document):
    """When a seeding torrent is removed."""

    ratio: Ratio | None = Field(
        default=None, description="Uploaded bytes per byte of payload from which on it goes; null is not by ratio."
    )
    time: Seconds | None = Field(
        default=None, description="Seconds of seeding from which on it goes; null is not by time."
    )
    remove_data: bool = Field(default=False, description="Whether its payload goes too, when that is known to be safe.")


class LabelPolicy(Document):
    """What a torrent with this label gets; null leaves a gap to the next policy, then to the profile."""

    download_dir: Directory | None = Field(default=None, description="Absolute directory of the payload.")
    max_download_bps: Rate | None = Field(
        default=None, description="Cap on receiving, bytes per second, 0 to 2147483647; 0 is none."
    )
    max_upload_bps: Rate | None = Field(
        default=None, description="Cap on sending, bytes per second, 0 to 2147483647; 0 is none."
    )
    queue_position: Annotated[int, Field(ge=0, le=2_147_483_647)] | None = Field(
        default=None, description="Place in the download queue at the add, from 0."
    )
    auto_managed: bool | None = Field(default=None, description="Whether the engine queues and starts it.")
    seed_ratio_limit: Ratio | None = Field(
        default=None, description="Uploaded bytes per byte of payload after which seeding ends."
    )
    seed_time_limit: Seconds | None = Field(default=None, description="Seconds of seeding after which it ends.")
    cleanup: Cleanup | None = Field(default=None, description="When it is removed; null is never.")


class LabelPolicies(Document):
    """The policies of all labels by name. A category's wins over a tag's; tags count in the order of their names."""

    categories: Annotated[dict[Label, LabelPolicy], Field(max_length=1024)] = Field(
        default={}, description="Policies of categories by name, at most 1024."
    )
    tags: Annotated[dict[Label, LabelPolicy], Field(max_length=1024)] = Field(
        default={}, description="Policies of tags by name, at most 1024."
    )
