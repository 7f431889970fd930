"""`revaer config`: the configuration, from reading to going back. The commands are loaded with the group."""

from __future__ import annotations

import click

from revaer.cli.config_changing import apply, rollback, validate
from revaer.cli.config_reading import get, history, schema
from revaer.cli.settings import global_options


@click.group()
@global_options(leading=False)
def config() -> None:
    """Read and change the configuration.

    Places are JSON Pointers, such as /engine_profile/listen_port. Every change is a revision of its own; it is in force
    when the command returns, and it can be taken back.
    """


for command in (get, apply, validate, history, rollback, schema):
    config.add_command(command)
