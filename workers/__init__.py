"""The processes behind the door: delivery workers of a lane, and upkeep.

wakeups.py   listens to the alarm clock (arq)
delivery.py  a worker: claims and delivers one lane of this node
alerts.py    our addresses on blocklists, the certificate, and the letter about each
upkeep.py    what must happen by itself: spool sweep, the 7 days, domain checks, notices, gauges
"""
