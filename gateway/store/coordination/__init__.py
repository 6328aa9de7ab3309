"""Coordination of processes: the leader lock, wake-ups, and when each job ran."""
