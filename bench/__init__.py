"""How fast Clearpost is, measured on one machine. Nothing imports it; it may import everything."""
