"""The command line, where the processes are put together."""
