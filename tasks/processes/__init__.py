"""State of one process: its name, its end, rule reloads, the numbers that it serves."""
