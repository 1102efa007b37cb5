"""Records of what the product computes, so that a change of its shape is seen to be no change of
its behaviour.

`stored/` has one JSON file a record; `test_records.py` computes each anew and compares. A change of
behaviour changes a record on purpose: `python -m tests.records.renew` does it, and CHANGELOG says
why.
"""
