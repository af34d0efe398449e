"""The REST API: accounts, subscribers, sessions and what is sold, over HTTP with keys."""
