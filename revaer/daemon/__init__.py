"""The process: data directory, signals, exit codes, and the wiring where the slices meet."""
