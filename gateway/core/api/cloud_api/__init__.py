"""Requests, results and errors in the form of Meta's Cloud API; pure."""
