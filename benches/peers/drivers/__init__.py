"""Libraries that talk to switches, alone: no HTTP, no store. Each in a process of its own, so that its CPU is its own.

All say the same lines, read the port before and after, and keep a switch's session for all of its orders.
"""
