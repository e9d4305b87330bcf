"""Static rules over what is deployed and what releases it. In no bundle."""
