"""Treefolio."""
