"""What is to be said of the calls about API keys."""

from __future__ import annotations

from typing import Final

from revaer.api.key_routes import IssueBody, RotateBody
from revaer.api.openapi import samples
from revaer.api.openapi.operation import JSON, Answer, Body, Link, Operation
from revaer.api.openapi.parameters import KEY_ID
from revaer.api.shapes.keys import IssuedKey, Key, KeyList

_LINKS: Final = {
    name: Link(name, {"id": "$response.body#/id"}, text)
    for name, text in (
        ("getKey", "Show this key."),
        ("rotateKey", "Give it another secret."),
        ("revokeKey", "End it."),
    )
}

OPERATIONS: Final = (
    Operation(
        route="GET /v1/keys",
        id="listKeys",
        tag="keys",
        answers=(Answer(200, "The keys, without secrets.", KeyList, example={"keys": [samples.KEY]}),),
    ),
    Operation(
        route="POST /v1/keys",
        id="issueKey",
        tag="keys",
        body=Body(
            {JSON: IssueBody},
            examples={
                "dashboard": {
                    "label": "dashboard",
                    "scopes": ["read"],
                    "rate_limit": {"burst": 60, "per_seconds": 60},
                    "expires_in_seconds": 7_776_000,
                }
            },
        ),
        answers=(
            Answer(
                201,
                "The key with its secret, which is never shown again.",
                IssuedKey,
                headers=("location",),
                example=samples.ISSUED_KEY,
                links=_LINKS,
            ),
        ),
        problems=("config-invalid",),
    ),
    Operation(
        route="GET /v1/keys/{id}",
        id="getKey",
        tag="keys",
        parameters=(KEY_ID,),
        answers=(Answer(200, "The key, without its secret.", Key, example=samples.KEY),),
    ),
    Operation(
        route="DELETE /v1/keys/{id}",
        id="revokeKey",
        tag="keys",
        parameters=(KEY_ID,),
        answers=(Answer(204, "It no longer counts."),),
        problems=("config-invalid",),
    ),
    Operation(
        route="POST /v1/keys/{id}/rotate",
        id="rotateKey",
        tag="keys",
        text="The old secret is accepted for a while longer, so that nobody is locked out meanwhile.",
        parameters=(KEY_ID,),
        body=Body({JSON: RotateBody}, required=False, examples={"an hour": {"grace_seconds": 3600}}),
        answers=(
            Answer(
                200, "The key with its new secret, which is never shown again.", IssuedKey, example=samples.ISSUED_KEY
            ),
        ),
        problems=("config-invalid",),
    ),
)
