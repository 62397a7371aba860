"""Formats of objects that a Kubernetes cluster carries out."""
