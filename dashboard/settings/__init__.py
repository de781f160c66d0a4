"""The Settings page: language and theme of the browser, folders and their sizes, limits that are kept beside the runs."""
