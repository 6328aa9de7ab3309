"""The customer as one number knows them."""
