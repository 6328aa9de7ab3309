"""Commands that run processes, and that move their store to a new layout or owner."""
