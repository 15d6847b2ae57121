"""What every mixed model is: its base classes, responses and iterations."""
