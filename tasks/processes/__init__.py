"""What one process holds and is told: names, ends, reloads, the numbers it serves."""
