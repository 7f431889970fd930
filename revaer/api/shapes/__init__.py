"""The shapes of answers, as types: what the OpenAPI document shows, and what every real answer in the tests is held to.

A shape is a `TypedDict`; the text below a key describes it. A key that is `NotRequired` is left out when there is
nothing to say; none is null unless its type says so.
"""
