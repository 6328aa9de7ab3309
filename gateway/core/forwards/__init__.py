"""Forwards: events that are handed on to other applications, each to its receiver's address."""
