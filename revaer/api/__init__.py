"""The HTTP side: requests in, problems explained, events streamed. The actor is `revaer.api.actor.ApiActor`."""
