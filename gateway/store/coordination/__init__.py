"""How processes agree: the leader lock, wake-ups, and when each job ran."""
