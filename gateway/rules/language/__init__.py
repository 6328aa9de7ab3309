"""The language of rules files as pydantic models."""
