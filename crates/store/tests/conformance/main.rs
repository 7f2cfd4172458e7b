//! One suite for every store. A test is written once, against the trait, and runs for each of them.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod bed;
mod damage;
mod document;
mod end;
mod file;
mod found;
mod lease;
mod lines;
mod list;
mod migration;
mod moving;
mod oracle;
mod record;
mod report;
mod retry;
mod schema;
mod shared;
mod submit;

/// Makes each test of the suite a test of each store.
macro_rules! suite {
    ($($module:ident { $($test:ident)+ })+) => {
        mod memory {
            $(mod $module { $(
                #[test]
                fn $test() {
                    crate::$module::$test(&mut crate::bed::Bed::memory());
                }
            )+ })+
        }
        mod sqlite {
            $(mod $module { $(
                #[test]
                fn $test() {
                    crate::$module::$test(&mut crate::bed::Bed::sqlite());
                }
            )+ })+
        }
        mod postgres {
            $(mod $module { $(
                #[test]
                fn $test() {
                    if let Some(mut bed) = crate::bed::Bed::postgres() {
                        crate::$module::$test(&mut bed);
                    }
                }
            )+ })+
        }
        mod serializable {
            $(mod $module { $(
                #[test]
                fn $test() {
                    if let Some(mut bed) = crate::bed::Bed::serializable() {
                        crate::$module::$test(&mut bed);
                    }
                }
            )+ })+
        }
    };
}

suite! {
    submit {
        everything_handed_in_is_kept
        keys_ascend_and_are_never_given_twice
        every_number_of_resources_is_kept
        a_repeated_submit_returns_the_first
        a_repeated_submit_in_the_same_commit_returns_the_first
        what_was_submitted_under_a_key_is_found_again
        another_payload_under_the_same_key_is_refused
        an_idempotency_key_goes_with_its_operation
        an_idempotency_key_is_free_once_its_operation_is_removed_in_the_same_commit
        a_batch_is_all_or_nothing
        an_operation_can_be_born_and_end_in_one_commit
        an_operation_can_be_born_and_removed_in_one_commit
        every_instant_is_kept
    }
    lease {
        urgent_ones_come_first_then_older_ones
        accounts_take_turns
        urgency_goes_before_turns
        a_wish_names_kinds_and_account
        a_wish_keeps_to_its_projects
        workers_of_several_projects_share_a_commit
        a_project_is_found_behind_others
        what_waits_again_is_in_its_project
        projects_of_an_account_share_its_limit
        a_wish_for_none_gets_none
        a_lease_hands_out_the_whole_operation
        wishes_in_one_commit_share_what_waits
        what_a_wish_leaves_is_there_for_the_next
        what_the_same_commit_has_looked_at_is_handed_out
        what_the_same_commit_has_changed_is_left_out
        an_old_fence_changes_nothing
        what_is_held_is_not_leased
        a_heartbeat_moves_the_end_and_is_not_seen
        a_report_of_progress_moves_the_end_and_is_seen
        what_is_handed_back_waits_again
        a_long_queue_empties_in_order
        turns_go_on_from_lease_to_lease
        kinds_take_turns
        shares_are_weighted
        no_more_run_than_may
        many_accounts_are_served_in_turn
        a_flood_delays_a_single_one_by_one_turn
    }
    report {
        results_are_kept_one_by_one
        wrong_lines_are_refused_and_the_others_count
        the_same_again_is_no_error
        the_last_result_ends_the_operation
        commands_in_one_commit_see_each_other
        every_answer_is_of_its_own_moment
        a_command_returns_the_resources_that_it_needed
        commands_to_others_operations_find_nothing
        a_refused_write_stands_alone
        errors_and_outputs_are_kept
        long_payloads_are_kept
    }
    found {
        what_is_found_is_kept_and_can_be_reported
        what_is_known_is_found_once
        what_is_found_is_open
        no_more_is_found_than_may_be
        an_end_that_nobody_knows_is_expired
    }
    retry {
        what_failed_is_open_again_and_the_rest_stays
        a_pause_is_a_timer
        an_attempt_without_resources_is_tried_again
        lost_leases_are_attempts
        a_delayed_operation_waits_for_its_time
        a_delayed_operation_is_cancelled_at_once
    }
    end {
        a_finish_ends_what_is_open
        an_operation_without_resources_ends_as_its_finish_says
        a_finish_may_bring_results_output_and_error
        a_finish_that_contradicts_the_results_is_told_so
        cancelling_depends_on_the_phase
        only_what_has_ended_is_deleted
        a_removed_operation_leaves_a_tombstone
        a_lost_lease_is_given_to_another
        a_lost_lease_ends_what_was_to_stop
        a_deadline_ends_what_nobody_finishes
        retention_removes_what_has_ended
        an_operator_ends_what_is_open
        a_deadline_that_moves_is_a_timer
    }
    list {
        newest_come_first_without_their_resources
        each_filter_filters
        pages_are_stable_under_writes
        a_last_page_that_is_full_has_no_next
        a_rare_match_is_found_page_by_page
        what_lives_is_found_among_what_has_ended
        removed_ones_are_left_out
    }
    record {
        a_history_tells_all_that_was_seen
        a_history_is_read_in_parts
        a_history_is_in_order_however_it_is_kept
        timers_run_out_in_order
        a_timer_follows_its_operation
        access_keys_are_kept_replaced_and_forgotten
        the_first_secret_stays
        a_commit_of_nothing_does_nothing
    }
    lines {
        one_at_a_time_and_in_order
        many_resources_wait_for_all
        who_does_not_wait_is_refused
        a_repeated_submission_is_not_in_its_own_way
        lines_are_apart
        what_was_begun_keeps_its_place
        what_is_delayed_joins_when_its_time_comes
        one_commit_may_turn_lines_over
        large_operations_stand_in_many_lines
    }
    document {
        a_document_is_kept_as_it_was_given
        a_document_that_has_changed_is_not_overwritten
        a_removed_document_leaves_its_version
        documents_have_limits
        documents_and_operations_change_together
    }
}
