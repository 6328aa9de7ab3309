"""A webhook ingestion gateway for Meta's WhatsApp Cloud API."""

__version__ = "0.1.0"
