"""The engine, the catalogue of live torrents, and the actor that owns both."""
