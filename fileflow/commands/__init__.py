"""The commands beside `run`, a file each: functions that print results and give an exit status.

They know a session and how to say a line; nothing of argv, terminals or colours. What goes wrong
is raised.
"""
