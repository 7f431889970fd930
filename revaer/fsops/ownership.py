"""What a policy says of permissions and patterns, checked and looked up on this node."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Callable
from dataclasses import dataclass

from revaer.fsops.errors import Refused
from revaer.fsops.policy import Policy
from revaer.selection.messages import InvalidPattern, SelectFunction
from revaer.types import SelectionRules


@dataclass(frozen=True, slots=True)
class Ownership:
    """What the policy says of permissions, resolved; None and -1 leave something as it is."""

    file_mode: int | None = None
    dir_mode: int | None = None
    umask: int | None = None
    uid: int = -1
    gid: int = -1

    def file_target(self, natural: int, *, fresh: bool) -> int:
        """Return the permission bits that a file is to have.

        Args:
            natural: The bits that it has without any policy.
            fresh: Whether it is a file of its own, and no further name of the seeding original.
        """
        if self.file_mode is not None:
            return self.file_mode
        return natural & ~self.umask if fresh and self.umask is not None else natural

    def dir_target(self) -> int | None:
        """Return the permission bits that directories are to have; None leaves them."""
        if self.dir_mode is not None:
            return self.dir_mode
        return None if self.umask is None else 0o777 & ~self.umask


def resolve_ownership(policy: Policy) -> Ownership:
    """Read modes and look up owner and group.

    Raises:
        Refused: A mode is no octal number, or the node does not know the user or group.
    """
    return Ownership(
        file_mode=_mode(policy.chmod_file, "chmod_file"),
        dir_mode=_mode(policy.chmod_dir, "chmod_dir"),
        umask=_mode(policy.umask, "umask"),
        uid=_principal(policy.owner, "user", lambda name: pwd.getpwnam(name).pw_uid),
        gid=_principal(policy.group, "group", lambda name: grp.getgrnam(name).gr_gid),
    )


def check_patterns(policy: Policy, select: SelectFunction) -> None:
    """Check that the clean-up patterns can be read. Raises Refused."""
    for field_name, patterns in (("cleanup_keep", policy.cleanup_keep), ("cleanup_drop", policy.cleanup_drop)):
        try:
            select(
                (), SelectionRules(include=patterns) if field_name == "cleanup_keep" else SelectionRules((), patterns)
            )
        except InvalidPattern as error:
            raise Refused(f"the policy's {field_name} has a pattern that cannot be read: {error.message}") from None


def _mode(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    try:
        value = int(text, 8)
    except ValueError:
        value = -1
    if not 0 <= value <= 0o777:
        raise Refused(f"the policy's {name} {text!r} is no octal number up to 777")
    return value


def _principal(text: str | None, kind: str, look_up: Callable[[str], int]) -> int:
    if text is None:
        return -1
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        return look_up(text)
    except KeyError:
        raise Refused(f"the node has no {kind} {text!r}") from None
