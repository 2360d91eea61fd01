"""Where tasks, lanes and clocks are kept."""
