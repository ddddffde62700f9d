"""Plans and money: what Stripe says of a subscription becomes an account's plan.

Nothing here is on the path of a message. Must never decide what a plan allows: that is mailcore/plans.py.

prices.py         what is sold at which of Stripe's prices: settings, both ways
subscriptions.py  what an account's plan should be by Stripe's state; pure
state.py          the rows: who is due to be fetched, what was found, under lock
webhooks.py       an event: is it Stripe's, whom does it concern
event_store.py    events kept once each, many in one transaction
gateway.py        the one file that talks to Stripe
answers.py        what Stripe answers, read into our values
catalogue.py      what the prices are, as shown to everybody
endings.py        what ends because its payment was taken back or given back
till.py           what a person asks for: to buy, to change, to manage; a preview of each
figures.py        who pays, and how much a month
"""
