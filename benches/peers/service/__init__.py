"""A checkout service as an operator would build it in Python: FastAPI, Redis, AsyncSSH, several processes.

    POST ──▶ web (FastAPI) ──accept.lua──▶ Redis ──▶ worker ──AsyncSSH──▶ switch
                                             ▲          │ settle.lua
                                             └──────────┴──▶ webhook

A switch belongs to one worker by its name's hash, and to nobody else while its lock's lease lasts.
"""
