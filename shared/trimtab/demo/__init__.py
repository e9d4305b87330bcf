"""The bundled estate and the demo that runs the whole loop on it."""
