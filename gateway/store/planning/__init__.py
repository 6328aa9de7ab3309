"""Planning: what it reads, and the one commit of what it decided."""
