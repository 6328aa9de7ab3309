"""From events to a plan: decided here, committed elsewhere."""
