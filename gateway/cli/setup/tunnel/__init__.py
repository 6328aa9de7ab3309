"""`gateway tunnel`: a real number leads to this machine for a while."""
