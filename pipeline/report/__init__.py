"""The report as a page and a table, and the other tables that commands print."""
