"""What every worker does around its training: arguments, data, the run folder, a truthful end."""
