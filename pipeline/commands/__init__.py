"""The command `spiq`: the table of its commands (`listed`), and a file for each family of them."""
