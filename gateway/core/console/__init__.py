"""Users of the console: what each may do, how they sign in, and what is noted of what they do."""
