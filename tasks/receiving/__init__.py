"""What inbound workers do beside the plan: poison, unreadable bytes, grants."""
