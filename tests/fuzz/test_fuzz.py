"""A share of the odd inputs of `python -m tests.fuzz`, in the ordinary tests."""

import pytest

from tests.fuzz.outcomes import GOOD, ended, made

SHARES = {"audio": 100, "mel": 100, "manifest": 70, "bundle": 20, "option": 30, "settings": 10}


@pytest.mark.parametrize("family", SHARES)
def test_every_odd_input_ends_in_a_result_or_in_a_sentence(family, tmp_path):
    faults = []
    for number in range(SHARES[family]):
        case = made(family, number, tmp_path / str(number))
        end, text = ended(case)
        if end not in GOOD:
            faults.append(f"{number}: {end}: {case.about}: {' '.join(case.arguments[:2])}: {text[-300:]}")
    assert not faults, "\n".join(faults)


def test_the_shares_are_as_many_as_promised():
    assert sum(SHARES.values()) >= 300
