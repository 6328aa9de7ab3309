"""Figures, alerts, and the snapshot that status and alerts read."""
