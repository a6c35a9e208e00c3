"""Server: the application, its middleware, keys, telemetry and shutdown."""
