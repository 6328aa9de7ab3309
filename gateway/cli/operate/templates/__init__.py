"""`gateway templates`: what Meta says of templates, and templates as files."""
