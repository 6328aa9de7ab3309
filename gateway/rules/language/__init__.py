"""Language of rules files as pydantic models."""
