"""Episodes as films and interactive pages, drawn without a GPU, a display or a GL library."""
