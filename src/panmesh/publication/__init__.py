"""What the world is told of the data: records, identifiers, plans, harvests."""
