"""`revaer completion`: what makes a shell complete these commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from revaer.cli import terminal
from revaer.cli.settings import Settings, global_options, pass_settings

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "revaer"
VARIABLE = "_REVAER_COMPLETE"

EPILOG = """\b
Once for this shell:
  bash   eval "$(revaer completion bash)"
  zsh    eval "$(revaer completion zsh)"
  fish   revaer completion fish | source

\b
For every shell to come:
  bash   revaer completion bash > ~/.local/share/bash-completion/completions/revaer
  zsh    revaer completion zsh > "${fpath[1]}/_revaer"     (then start zsh anew; compinit must be on)
  fish   revaer completion fish > ~/.config/fish/completions/revaer.fish

Ids, tags, categories and keys are asked of the running daemon; when it does not answer at once, they are not proposed.
"""


@click.command(epilog=EPILOG)
@click.argument("shell", metavar="<SHELL>", type=click.Choice(SHELLS))
@global_options(leading=False)
@click.pass_context
@pass_settings
def completion(settings: Settings, ctx: click.Context, /, *, shell: str) -> None:
    """Print what makes a shell complete these commands.

    <SHELL> is bash, zsh or fish.
    """
    kind = get_completion_class(shell)
    assert kind is not None, "click knows the shells of the choice"
    script = kind(ctx.find_root().command, {}, PROGRAM, VARIABLE).source()
    if settings.as_json:
        terminal.show_json({"shell": shell, "script": script})
    else:
        click.echo(script)
