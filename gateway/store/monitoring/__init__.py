"""Figures, alerts, and the snapshot that `gateway status` and alerts read."""
