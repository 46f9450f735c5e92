"""The demo's world: a repository with history, SSH servers on loopback, people, and one app that is really deployed."""
