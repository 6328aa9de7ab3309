"""What planning reads, and the one commit of what it decided."""
