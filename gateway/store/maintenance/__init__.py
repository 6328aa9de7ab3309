"""What runs by the clock: due items, retention; and the migration to layout 2."""
