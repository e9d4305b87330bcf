"""The ports of `receive` are kept between requests, and only as long as the environment that they were made from."""

from pathlib import Path

from trimtab.wiring_light import receive_ports

SECRET = "TRIMTAB_SLACK_SIGNING_SECRET"


def test_the_same_environment_is_read_once(tmp_path: Path) -> None:
    environ = {"TRIMTAB_STORE": tmp_path.as_uri(), SECRET: "one", "PATH": "/bin"}

    assert receive_ports(environ) is receive_ports(dict(environ))


def test_a_changed_new_or_missing_variable_counts_at_once(tmp_path: Path) -> None:
    """A secret that was taken away must not be believed a request longer."""
    environ = {"TRIMTAB_STORE": tmp_path.as_uri()}
    assert receive_ports(environ).secrets.secrets_of("slack") == ()

    environ[SECRET] = "one"
    assert receive_ports(environ).secrets.secrets_of("slack") == ("one",)

    environ[SECRET] = "two"
    assert receive_ports(environ).secrets.secrets_of("slack") == ("two",)

    del environ[SECRET]
    assert receive_ports(environ).secrets.secrets_of("slack") == ()
