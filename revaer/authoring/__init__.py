"""Making `.torrent` files from what lies on the node. The actor is `revaer.authoring.actor.AuthoringActor`."""
