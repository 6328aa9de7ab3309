"""Sign-ins of the console: who asks, and how they sign in and out."""
