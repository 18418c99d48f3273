"""Rows in, synthetic documents out, written by language models in hours when their GPUs would idle.

`requests` makes requests of a job's rows through its `template`, `queue` carries them, `worker` sits beside one `engine` and
commits `results`, `collect` keeps one accepted result per request and balances the books. Nothing here knows Beam.
"""
