"""Redis Cluster behind the same methods as one server."""
