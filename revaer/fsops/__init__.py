"""Post-processing: what turns a finished download into a library entry, safe to kill and to repeat at any point."""
