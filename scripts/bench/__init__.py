"""Measurements of the charging road: python -m scripts.bench, or scripts/benchmark."""
