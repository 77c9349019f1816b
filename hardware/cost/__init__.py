"""What a network costs: NeuroBench's metrics, and energy and time by published models of several chips."""
