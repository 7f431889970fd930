"""Whether the library's volume has room for what is going to be copied."""

from __future__ import annotations

from revaer.fsops.errors import Transient
from revaer.fsops.run import Run
from revaer.fsops.volumes import reserve_of


def check_room(run: Run, needed: int) -> None:
    """Refuse for now to begin with copies that would fill the library's volume.

    Args:
        run: The run that makes them.
        needed: Their bytes.

    Raises:
        Transient: Less than that is free beside the reserve.
        OSError: The volume cannot be looked at.
    """
    free, total = run.tools.disk.space(run.places.library)
    reserve = reserve_of(total)
    # Some network shares do not tell their size.
    if total and free < needed + reserve:
        raise Transient(
            f"the library's volume has {free} bytes free; the job needs {needed}, and {reserve} stay in reserve",
            path=str(run.places.library),
        )
