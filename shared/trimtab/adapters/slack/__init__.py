"""Slack, as far as we speak: post a card, find it again, replace it."""
