"""The table of NIR's nodes: what each means is one entry, in a file beside this one."""
