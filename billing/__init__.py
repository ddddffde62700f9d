"""Plans and money: what Stripe says of a subscription becomes an account's plan.

Nothing here is on the path of a message. Must never decide what a plan allows: that is mailcore/plans.py.
"""
