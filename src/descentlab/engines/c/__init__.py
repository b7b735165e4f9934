"""Steps written as C: loops, operations and updates, in the fastest order or in torch's own."""
