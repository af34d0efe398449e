"""A whole system to look at: a node, simulated gateways, and subscribers whose balances move."""
