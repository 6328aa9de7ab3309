"""Monitoring: read the store, begin and end alerts, post them."""
