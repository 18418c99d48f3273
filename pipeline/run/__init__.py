"""One run of a recipe on one folder: what stands, what is missing, who watches, and the manifest at the end."""
