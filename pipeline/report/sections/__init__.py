"""The sections of the page: for each a module with its SECTION, and its template beside it."""
