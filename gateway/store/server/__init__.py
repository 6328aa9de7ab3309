"""Whether this server is fit to keep deliveries."""
