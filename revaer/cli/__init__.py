"""The command line `revaer`: thin commands over the client, and `serve` over the daemon."""
