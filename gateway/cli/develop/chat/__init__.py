"""`gateway chat`: a phone in the terminal."""
