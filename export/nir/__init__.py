"""NIR graphs: their nodes, shapes, order and neurons, and the file that holds one."""
