"""Looks, beside the loop, whether the network that an engine is bound to is there."""

from __future__ import annotations

from actors import LaneExpired
from revaer.session.binding import Binding, blind, judge, named
from revaer.session.disk_calls import Lane
from revaer.session.interfaces import InterfaceProbe
from revaer.session.port import EngineSettings


class NetworkEye:
    """Looks whether what an engine is bound to is there.

    Args:
        probe: looks at the interfaces.
        lane: where it looks.
        within: seconds one look may take.
    """

    def __init__(self, probe: InterfaceProbe, lane: Lane, *, within: float) -> None:
        self._probe = probe
        self._lane = lane
        self._within = within

    async def look(self, settings: EngineSettings) -> Binding:
        """Tell what settings may do now. What cannot be seen is not there.

        Raises:
            InvalidSetting: where to listen cannot be read.
        """
        if not named(settings):
            return judge(settings, {})
        try:
            return judge(settings, await self._lane.run(self._probe, within=self._within))
        except LaneExpired:
            return blind(settings, f"no answer within {self._within:g} s")
        except OSError as error:
            return blind(settings, error.strerror or str(error))
