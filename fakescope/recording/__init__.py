"""Record once, replay for ever: cassettes of exchanges that know what a task is."""
