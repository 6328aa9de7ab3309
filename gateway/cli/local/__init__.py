"""The gateway of this folder: its processes, ports, settings and `.gateway/`."""
