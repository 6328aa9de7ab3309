"""Command line, which assembles and starts the processes."""
