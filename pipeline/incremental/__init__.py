"""When must a task run again: fingerprints, manifests and commits for Luigi tasks, free of anything about cars.

The layer imports nothing else of the project, so that another Luigi project can lift the folder out as it is:
subclass ``IncrementalTask``, name what ``build`` reads, and completeness follows from content instead of existence.
"""
