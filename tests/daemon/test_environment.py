"""The environment is read in one place, and silence is told from words."""

from pathlib import Path

from revaer.daemon.environment import Environment, read_environment, without_node


def test_everything_is_read() -> None:
    assert read_environment(
        {
            "REVAER_BOOTSTRAP_FILE": "/b.json",
            "REVAER_CREDENTIALS": "/c.json",
            "REVAER_SECRET_KEY_FILE": "/k",
            "REVAER_BUILD_SHA": "abc",
            "REVAER_LOG_LEVEL": "DEBUG",
            "REVAER_LOG_FORMAT": "Console",
        }
    ) == Environment(Path("/b.json"), Path("/c.json"), Path("/k"), "abc", "debug", "console")


def test_silence_and_empty_words_are_the_same() -> None:
    silent = Environment(None, None, None, "unknown", None, None)

    assert read_environment({}) == silent
    assert (
        read_environment({"REVAER_BOOTSTRAP_FILE": "", "REVAER_LOG_LEVEL": "", "REVAER_SECRET_KEY_FILE": ""}) == silent
    )


def test_what_is_said_of_a_node_is_kept_from_another_one() -> None:
    assert without_node({"PATH": "/bin", "DATABASE_URL_FILE": "/u", "REVAER_SECRET_KEY_FILE": "/k"}) == {"PATH": "/bin"}
