"""One file with everything that a node is, but for payload: made while it runs, checked, and made a node of again."""
