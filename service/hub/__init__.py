"""The Hub's protocol over HTTP: model repositories to read, and the recipes that they are."""
