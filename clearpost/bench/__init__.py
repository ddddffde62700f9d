"""Speed, measured with nothing but what we ship: `clearpost bench`. Must never run against a real service.

stopwatch.py     the only one here that asks the time
messages.py      what is sent: a message of a given size that carries its number
source.py        a process that sends: so many sessions, or so many messages a second
sink.py          a process that takes: says when each number arrived, keeps samples
peers.py         starts both and reads what they say
node.py          one node of ours with an account full of aliases, on a PostgreSQL and a Valkey
figures.py       percentiles, medians
command.py       the command
"""
