"""Contacts: the customers as one number knows them."""
