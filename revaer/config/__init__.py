"""Configuration: the documents, their bounds, and how an unattended start brings its own."""
