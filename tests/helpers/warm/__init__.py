"""Programs of the environment in processes that are quick to start.

A real process, with its own group, directory, environment and streams, forked from one that has
already imported the libraries (not our own code, and not flytekit, which reads its environment
while it is imported).
"""
