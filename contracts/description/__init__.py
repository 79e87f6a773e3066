"""What asyncapi.json, the JSON Schemas and the documentation page are generated from."""
