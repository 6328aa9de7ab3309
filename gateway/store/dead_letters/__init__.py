"""Dead letters, deferred deliveries and unreadable events that wait for an operator."""
