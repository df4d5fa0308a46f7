"""What the fleet's exporters expose: the catalogue of metrics, their normal course, and how facts change it."""
