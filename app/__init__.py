"""The web application: page, HTTP API, controller, engines and conversations. Imports `model`."""
