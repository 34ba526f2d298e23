"""The page for whoever programs the controller, printed from the map that the server runs."""
