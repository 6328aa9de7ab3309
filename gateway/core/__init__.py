"""The rules of the game without I/O: bytes and values in, values out."""
