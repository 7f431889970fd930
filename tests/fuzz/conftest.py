"""Directories for the nodes that are fuzzed."""

from tests.support.postgres import server_directory

__all__ = ["server_directory"]
