"""Lua scripts that run on the server, and how their text is assembled."""
