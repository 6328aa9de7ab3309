"""Registry of templates: what Meta's list and its webhooks say of each, by WhatsApp account."""
