"""Directories for the nodes that are fuzzed, and the patience that it takes."""

from tests.support.patience import patient_faulthandler
from tests.support.postgres import server_directory

__all__ = ["patient_faulthandler", "server_directory"]
