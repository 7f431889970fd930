"""Where payload may be put, and what becomes of a finished download."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from revaer.config.documents.base import Document
from revaer.config.documents.kinds import Directory, Glob, Mode, Principal, SecretName, distinct, unit


class ExtractLimits(Document):
    """How much an archive may become; beyond, its extraction fails and leaves nothing behind."""

    max_extracted_bytes: Annotated[int, Field(ge=1, le=1 << 50, json_schema_extra=unit("bytes"))] = Field(
        default=1 << 39, description="Bytes that one torrent's archives may become, 1 to 2^50; 512 GiB unless given."
    )
    max_ratio: Annotated[float, Field(ge=1, le=1_000_000, allow_inf_nan=False)] = Field(
        default=1_000.0, description="Extracted bytes per byte of archive, 1 to 1000000."
    )
    max_files: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        default=100_000, description="Files that one torrent's archives may hold, 1 to 10000000."
    )
    max_depth: Annotated[int, Field(ge=0, le=16)] = Field(
        default=3, description="Archives within archives that are followed, 0 to 16; 0 is none."
    )
    step_timeout: Annotated[int, Field(ge=1, le=604_800, json_schema_extra=unit("seconds"))] = Field(
        default=14_400, description="Seconds that one step of post-processing may take, 1 to 604800."
    )


class FsPolicy(Document):
    """Where payload may be put, and how a finished download becomes a library entry."""

    library_root: Directory | None = Field(
        default=None, description="Absolute directory of finished entries; null is library in the data directory."
    )
    extract: bool = Field(default=True, description="Whether archives are extracted.")
    par2: Literal["off", "verify", "repair"] = Field(
        default="off", description="Whether PAR2 sets are used to verify files, or to repair copies of them too."
    )
    flatten: bool = Field(default=False, description="Whether directories around a single entry are taken away.")
    move_mode: Literal["hardlink", "reflink", "copy", "move"] = Field(
        default="hardlink", description="How files get into the library; all but move leave the download in place."
    )
    link_fallback: Literal["copy", "fail"] = Field(
        default="copy", description="What happens when move_mode's link or clone cannot be made; copy takes more room."
    )
    archive_password_secrets: Annotated[list[SecretName], Field(max_length=64), AfterValidator(distinct)] = Field(
        default=[], description="Names of the secrets whose values are tried as passwords of archives, in order."
    )
    on_conflict: Literal["fail", "rename", "skip"] = Field(
        default="fail", description="What happens when the library has an entry of that name; none is overwritten."
    )
    cleanup_keep: Annotated[list[Glob], Field(max_length=256), AfterValidator(distinct)] = Field(
        default=[], description="Patterns of files that clean-up always keeps, at most 256."
    )
    cleanup_drop: Annotated[list[Glob], Field(max_length=256), AfterValidator(distinct)] = Field(
        default=[], description="Patterns of files that do not enter the library, at most 256."
    )
    chmod_file: Mode | None = Field(default=None, description="Octal permissions of files; null leaves them.")
    chmod_dir: Mode | None = Field(default=None, description="Octal permissions of directories; null leaves them.")
    umask: Mode | None = Field(
        default=None, description="Octal bits that new entries do not get; null leaves the process's."
    )
    owner: Principal | None = Field(default=None, description="Owner of entries by name or number; null leaves it.")
    group: Principal | None = Field(default=None, description="Group of entries by name or number; null leaves it.")
    allow_paths: Annotated[list[Directory], Field(max_length=256), AfterValidator(distinct)] = Field(
        default=["/"],
        description="Absolute directories, besides the download root, below which torrents may be put, at most 256.",
    )
    limits: ExtractLimits = Field(default=ExtractLimits(), description="How much an archive may become.")
