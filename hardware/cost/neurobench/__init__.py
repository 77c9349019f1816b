"""NeuroBench's metrics of a NIR graph, by the definitions of the package neurobench 2.3.0."""
