"""The health of the service, as its operator sees it: logs, Prometheus and traces."""
