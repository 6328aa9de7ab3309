"""Develop."""
