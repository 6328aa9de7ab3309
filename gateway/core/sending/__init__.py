"""What a send is, when it may go out, and what becomes of it."""
