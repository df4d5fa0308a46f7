"""The driver's management library, read: which GPUs there are and how they do. The only importer of pynvml."""
