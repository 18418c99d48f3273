"""Tables of proxy runs in, one mixture lock out: how much of each source a model should be trained on.

`tables` reads runs and losses, `laws` turn shares into losses, `choice` picks one law per target and says what it is
worth, `space` is the set of allowed mixtures, `solve` finds the best of them and how far it can be trusted, `propose`
says which proxies to train next, `proxies` trains them, `report` draws it all. Nothing here knows Beam.
"""
