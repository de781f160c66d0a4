"""One file a page: it lays components out and wires them. Anything that decides lives in plain functions beside."""
