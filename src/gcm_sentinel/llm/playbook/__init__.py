"""The playbook engine: a deterministic diagnostician that behaves like a model and needs no key and no network.

`model.PlaybookModel` is the only name others use. A turn is a pure function of the transcript:

    transcript -> observations -> findings -> beliefs -> plan (more questions) or verdict (submit_assessment)

What it knows is data (`data/*.yaml`): hypotheses with likelihood ratios and their sources, the questions it can ask,
trigger families. What it can see are predicates (`findings/`). Adding a fault class is a YAML entry; adding a kind of
evidence is one small function.
"""
