"""Planning: from events to a plan, which is committed elsewhere."""
