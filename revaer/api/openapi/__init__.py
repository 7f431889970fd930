"""The OpenAPI 3.1 document, made from the code.

The table of routes says which calls there are, who may make them, and by the docstrings of their handlers what they do.
The tables `about_*` say of each what it takes and answers, as types: the models that read bodies, and the shapes that
answers are held to. `python -m revaer.api.openapi` prints the document; `just api-export` keeps it in `docs/api/`.
"""
