"""Dead letters, deferred deliveries and unreadable bytes that wait for an operator."""
