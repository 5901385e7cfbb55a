"""What the tests of chart, CRDs, alerts and image stand on: real tools, schemas and a real API server; fixtures are in conftest.py."""
