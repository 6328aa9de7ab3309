"""Settings from the environment, and the form of log lines."""
