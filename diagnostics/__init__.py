"""Read a training run, judge it by rules, propose a fix. Never imports torch outside `probes/`."""
