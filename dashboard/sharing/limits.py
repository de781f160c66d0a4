"""The bounds of a shared link, each with its unit and why it is what it is."""

from __future__ import annotations

from diagnostics.finding import Limit

# Logins
PASSWORD_LEAST = Limit(
    12,
    "characters",
    "NIST SP 800-63B-4 asks for 15 alone, 8 beside another check; ours lies between, with the lock below",
)
PASSWORD_MOST = Limit(1000, "characters", "ours: it must fit into the login form, written as %XX, in 16 KiB")
FAILURES = Limit(10, "failed logins in a window", "ours: a person who mistypes needs a few, a program needs millions")
FAILURE_WINDOW = Limit(600, "seconds", "ours: as long as a person remembers having tried")
LOCK_SECONDS = Limit(
    300, "seconds, doubled by each further lock", "ours: 10 guesses in 5 minutes are 2,880 a day, then ever fewer"
)
LOCK_MOST = Limit(3600, "seconds", "ours: visitors who know the password wait an hour at most")
VISITORS = Limit(50, "logins at once", "ours: twice the load story's 20, with room; each costs a few hundred bytes")
IDLE_SECONDS = Limit(7200, "seconds", "ours: a tab that was left open over lunch is still logged in")
REPLACE_SECONDS = Limit(
    300, "seconds", "ours: where all places are taken, a login unseen for so long makes room for a new one"
)
NAME_MOST = Limit(40, "characters", "ours: fits a line of who is on")
# The link
HOURS = Limit(8, "hours", "ours: a working day")
HOURS_MOST = Limit(72, "hours", "Gradio's own guides give its links 72 hours")
TUNNEL_SECONDS = Limit(30, "seconds", "gradio/tunneling.py waits as long")
# Requests
BODY_BYTES = Limit(65536, "bytes", "ours: a prompt of 4,000 characters is 16 KiB at most")
CONNECTIONS = Limit(400, "connections at once", "ours: a page keeps about four open, for a hundred tabs")
SPARE = Limit(50, "connections", "ours: from so few free places on, whoever waits without a request gives way")
HEAD_SECONDS = Limit(10, "seconds for a request's head", "ours: it is one packet; a slow phone needs one or two")
BODY_SECONDS = Limit(20, "seconds for a request's body", "ours: 64 KiB over a connection of 26 kbit/s")
STREAMS = Limit(12, "streams of one visitor at once", "ours: a page keeps two open, for six tabs")
JOINS_A_MINUTE = Limit(60, "events of one visitor in a minute", "ours: votes and prompts, ten times what a person does")
JOINS_A_MINUTE_ALL = Limit(600, "events of all visitors in a minute", "ours: ten visitors at that")
WAITING = Limit(2, "prompts of one visitor that wait or are answered", "ours: one to ask and one to vote on")
CONSOLE_BYTES = Limit(1_000_000, "bytes", "ours: the last words of a crash, and days of warnings")
HEADER_BYTES = Limit(16384, "bytes", "uvicorn's h11 takes as many unless told otherwise (65,536)")
# What a visitor may ask of a model
PROMPT_CHARACTERS = Limit(4000, "characters", "ours: about 1,000 tokens, a long letter")
TOKENS = Limit(256, "new tokens", "ours: a long answer; about ten seconds of a small model on a CPU")
PROMPTS_A_MINUTE = Limit(6, "prompts of one visitor in a minute", "ours: faster than answers are read")
PROMPTS_A_MINUTE_ALL = Limit(
    60, "prompts of all visitors in a minute", "ours: who logs in twice gets no more than this"
)
QUEUE = Limit(20, "requests that wait", "ours: one of each of the load story's visitors")
AT_ONCE = Limit(2, "prompts answered at once", "ours: the admin's own work on the same machine goes on")
CHECKPOINTS = Limit(6, "checkpoints", "ours: six panes are two rows of three; each may be a model of its own in memory")
VOTES = Limit(1000, "votes of one visitor", "ours: nobody reads so many; a program could fill a disk")
COMPARISON_BYTES = Limit(5_000_000, "bytes", "ours: a comparison of 300 prompts is about 1 MB")
