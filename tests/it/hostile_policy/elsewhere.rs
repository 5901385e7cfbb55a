//! Rows of the catalogues that are shown where their subject is tested: number, file and test.

/// Of the policy engine.
pub(super) const ELSEWHERE: &[(u16, &str, &str)] = &[
    (84, "tests/it/hostile_policy/load.rs", "of_an_allow_and_a_refusal_the_refusal_counts"),
    (87, "tests/differential/generated.rs", "what_opa_denies_is_denied_here"),
    (96, "tests/it/hostile_policy/steady.rs", "one_hop_has_one_answer_on_every_thread"),
    (100, "src/policy/trial/tests.rs", "a_policy_that_fails_its_own_tests_does_not_become_active"),
];

/// Of bundles and archives, and where they come from.
pub(super) const ARCHIVES: &[(u16, &str, &str)] = &[
    (113, "src/bundle/tests/archive.rs", "a_member_that_is_no_plain_file_refuses_the_whole"),
    (113, "src/bundle/tests/archive.rs", "a_path_that_another_reader_could_take_otherwise_refuses_the_whole"),
    (113, "src/bundle/tests/archive.rs", "two_members_with_one_path_refuse_the_whole"),
    (113, "src/bundle/tests/archive.rs", "long_names_are_read_within_bounds"),
    (115, "src/bundle/tests/archive.rs", "a_bomb_ends_at_its_bound"),
    (115, "src/feed/https/tests.rs", "is_not_kept_waiting"),
    (115, "src/feed/https/tests.rs", "bounds_the_document_with_and_without_its_length"),
    (116, "src/bundle/tests/signature.rs", "a_bundle_without_its_signature_or_key_is_refused"),
    (116, "src/bundle/tests/signature.rs", "the_key_decides_on_the_algorithm"),
    (116, "src/bundle/tests/signature.rs", "every_file_is_the_one_that_was_signed"),
    (116, "src/bundle/tests/signature.rs", "what_a_signature_says_is_held_against_what_was_asked_and_when"),
    (116, "src/bundle/tests/signature.rs", "a_signatures_file_holds_exactly_one_signature"),
    (117, "src/bundle/tests/archive.rs", "an_archive_that_is_cut_anywhere_is_refused_or_whole"),
    (117, "src/feed/https/tests.rs", "takes_nothing_that_does_not_come_whole"),
    (118, "src/feed/https/tests.rs", "a_redirect_is_held_to_the_same_rules"),
    (118, "src/feed/https/tests.rs", "a_host_proves_its_name"),
    (118, "src/feed/https/tests.rs", "refuses_what_is_packed"),
    (118, "src/feed/https/url.rs", "refuses_what_is_no_endpoint"),
    (118, "src/feed/https/url/loopback.rs", "refuses_every_other_place"),
    (118, "src/feed/https/dial.rs", "nobody_is_sent_to_link_local_addresses_and_plain_text_nowhere"),
    (118, "src/feed/https/dial.rs", "a_redirect_leads_outward_or_stays"),
];
