"""The policy file: the one that ships parses, and a wrong one is refused in one line that names the place."""

from pathlib import Path

import pytest

from streams.app import read_policy
from streams.core.policy.rules import PolicyRules

SHIPPED = Path(__file__).parents[2] / "deploy" / "policy.toml"


def test_the_policy_that_ships_says_the_defaults_and_who_it_is():
    policy = read_policy(SHIPPED)

    assert policy == PolicyRules(id=policy.id, version=policy.version)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "missing required field `id`"),
        (b'id = "a"\nversion = "1"\nlimit = 3', "unknown field `limit`"),
        (b'id = "a"\nversion = "1"\n[caps]\nper_person = 3', "unknown field `per_person` - at `$.caps`"),
        (b'id = "a"\nversion = "1"\n[caps]\nper_shopper = -1', "Expected `int` >= 0 - at `$.caps.per_shopper`"),
        (b'id = "a"\nversion = "1"\n[caps]\nwindow_s = 2592001', "Expected `int` <= 2592000 - at `$.caps.window_s`"),
        (b'id = "a"\nversion = "1"\n[cart_at_risk]\nmin_abandon_30m = 85', "<= 1.0 - at `$.cart_at_risk"),
        (b'id = "a"\nversion = "1"\n[cart_nudge]\nmin_value = 1.5', "Expected `int`, got `float`"),
        (b'id = "a"\nversion = "1"\n[consent]\nrequired = "yes"', "Expected `bool`, got `str`"),
        (b"id = a", "Invalid value"),
        (b'id = "\xff"', "invalid start byte"),
    ],
)
def test_a_wrong_policy_is_refused_in_one_line_that_names_the_file_and_the_place(tmp_path, text, problem):
    path = tmp_path / "policy.toml"
    path.write_bytes(text)

    with pytest.raises(ValueError, match="expected a policy in") as refused:
        read_policy(path)

    assert problem in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_policy_that_is_not_there_is_told_with_the_setting_to_change(tmp_path):
    with pytest.raises(ValueError, match="No such file or directory; set KAIROS_POLICY"):
        read_policy(tmp_path / "none.toml")
