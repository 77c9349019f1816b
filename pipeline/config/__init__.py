"""What can be configured: the schema, its file and its words."""
