"""Tells people and machines what a day's errors were: Slack, webhooks, e-mail.

A notice is made of this project's own words and of text out of logs, which anyone may have written: every
channel shows it as plain text, so that it mentions nobody, links nowhere and adds no header. Addresses of
webhooks are secrets: no message and no error holds one.
"""
