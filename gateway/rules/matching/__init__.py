"""Rules compiled: conditions, actions, and the index that finds candidates."""
