"""Every command there is: where it is loaded from, its line in the help, and the group it is shown in."""

from __future__ import annotations

from collections.abc import Mapping

GROUPS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Torrents": {
        "add": ("revaer.cli.add:add", "Add torrents."),
        "ls": ("revaer.cli.listing:ls", "List torrents."),
        "status": ("revaer.cli.status:status", "Look at one torrent closely."),
        "files": ("revaer.cli.listing:files", "List the files of a torrent."),
        "peers": ("revaer.cli.peers:peers", "List the peers of a torrent."),
        "trackers": ("revaer.cli.trackers:trackers", "List, add and remove the trackers of a torrent."),
        "pieces": ("revaer.cli.pieces:pieces", "Show which pieces of a torrent are there."),
        "select": ("revaer.cli.selecting:select", "Choose the files of a torrent."),
        "edit": ("revaer.cli.edit:edit", "Change the name, labels, limits and options of torrents."),
        "action": ("revaer.cli.acting:action", "Pause, resume, recheck, limit or move torrents."),
        "rm": ("revaer.cli.removing:rm", "Remove torrents."),
        "create": ("revaer.cli.create:create", "Make a .torrent from files on the node."),
    },
    "Watching": {
        "dashboard": ("revaer.cli.dashboard:dashboard", "Look at the whole node."),
        "top": ("revaer.cli.top:top", "Watch the torrents in a table that keeps itself up to date."),
        "tail": ("revaer.cli.tail:tail", "Follow the events."),
        "timeline": ("revaer.cli.timeline:timeline", "Tell what happened to a torrent."),
        "logs": ("revaer.cli.logs:logs", "Follow the daemon's log."),
    },
    "Library": {
        "fsops": ("revaer.cli.fsops:fsops", "See to the post-processing of finished downloads."),
    },
    "Configuration": {
        "config": ("revaer.cli.config:config", "Read and change the configuration."),
        "labels": ("revaer.cli.labels:labels", "Set what categories and tags give."),
        "keys": ("revaer.cli.keys:keys", "Issue, list, rotate and revoke API keys."),
        "secrets": ("revaer.cli.secrets:secrets", "Set and remove secrets."),
    },
    "The daemon": {
        "serve": ("revaer.cli.serve:serve", "Run the daemon."),
        "setup": ("revaer.cli.setup:setup", "Set up a fresh node."),
        "health": ("revaer.cli.health:health", "Ask the daemon how it is."),
        "browse": ("revaer.cli.browse:browse", "Look into directories of the node."),
        "import": ("revaer.cli.imports:imports", "Take over torrents from another program."),
        "backup": ("revaer.cli.backup:backup", "Write the node into one file."),
        "restore": ("revaer.cli.backup:restore", "Make a node of a backup."),
        "metrics": ("revaer.cli.health:metrics", "Print the daemon's metrics."),
        "demo": ("revaer.demo.command:demo", "Watch a download survive kill -9."),
        "factory-reset": ("revaer.cli.setup:factory_reset", "Take the node back to its setup."),
    },
    "The shell": {
        "completion": ("revaer.cli.completion:completion", "Print what makes a shell complete these commands."),
    },
}
"""The groups of the help, in its order."""

COMMANDS: Mapping[str, tuple[str, str]] = {
    name: entry for commands in GROUPS.values() for name, entry in commands.items()
}
"""Every command with the place it is loaded from when it is used, and its line in the help."""

ALIASES: Mapping[str, Mapping[str, str]] = {
    "torrent": {"add": "add", "remove": "rm"},
    "settings": {"patch": "config set"},
}
"""Names of earlier versions, which scripts still use."""
