"""Networks: layers, losses and initialisers; many networks of one shape side by side."""
