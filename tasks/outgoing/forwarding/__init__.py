"""Forwarding: posts of events to their receivers, many at once in a process of the worker."""
