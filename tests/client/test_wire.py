"""What refuses a WebSocket is told as it is for any other call, whoever refuses."""

import pytest

from revaer.client import Client, Problem
from tests.support.fake_api import Answer, FakeApi


async def test_the_words_of_a_proxy_that_refuses_are_kept(api: FakeApi, client: Client) -> None:
    api.next_answers.append(Answer(502, "upstream is away", "text/plain", headers={"retry-after": "7"}))

    with pytest.raises(Problem) as caught:
        async with client.socket():
            pytest.fail("a refused socket is not entered")

    assert (caught.value.status, caught.value.document.detail, caught.value.retry_after) == (502, "upstream is away", 7)
