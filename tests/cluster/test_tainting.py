"""`taint_node` and `untaint_node` on a real API server, where controllers write to the same list."""

from __future__ import annotations

from tests.acting_tools.test_tainting import (  # noqa: F401 - run here, with the place of test_acting
    OURS,
    call_of,
    test_a_node_without_taints_gets_its_first,
    test_it_is_checked_by_looking,
    test_it_is_written_under_our_name,
    test_one_that_is_there_is_not_put_twice,
    test_one_that_was_changed_by_hand_is_not_removed,
    test_one_whose_answer_was_lost_is_not_sent_again,
    test_the_call_appends_and_names_no_other_taint,
    test_the_same_key_with_another_value_is_told,
    test_where_there_is_none_untainting_has_nothing_to_do,
    tool,
    untaint,
)
from tests.cluster.test_acting import place  # noqa: F401 - a fixture
