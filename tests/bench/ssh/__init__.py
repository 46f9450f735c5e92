"""Our deploy core against other ways to bring a release to many servers: `make bench-ssh`, `ARGS=--quick` for N = 10.

The servers are OpenSSH on this machine, in memory where there is enough of it. Every tool brings the same release to
fresh servers; afterwards each server's `current` is compared with it by hash, and so is the release before.
"""
