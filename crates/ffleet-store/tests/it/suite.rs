//! What every store must do. Each test is given an empty store; a further kind of store is a
//! further line in `conform!`.

mod accept;
mod access;
mod cancel;
mod life;
mod list;
mod live;
mod members;
mod retain;

macro_rules! conform {
    ($kind:ident: $($test:path => $name:ident,)*) => {
        mod $kind {
            use super::{accept, access, cancel, life, list, live, members, retain};
            $(
            #[tokio::test]
            async fn $name() {
                let dir = tempfile::tempdir().unwrap();
                let store = crate::kit::open(dir.path());
                $test(&store).await;
                store.close().await.unwrap();
            }
        )*}
    };
}

conform! { sqlite:
    accept::numbers => numbers_follow_the_order_of_acceptance,
    accept::same_key => same_key_and_same_work_are_one_job,
    accept::other_work => same_key_for_other_work_is_refused_and_holds_up_nobody,
    accept::tenants => keys_of_tenants_do_not_meet,
    accept::whole => job_is_read_back_as_it_was_submitted,
    accept::taken_id => second_job_with_an_id_is_refused,
    access::keys => key_is_kept_by_its_hash_until_it_is_forgotten,
    access::tenants => tenant_goes_when_nothing_of_it_is_left,
    access::quota => no_more_jobs_of_a_tenant_wait_than_may,
    access::deeds => audit_log_is_read_newest_first_and_bounded,
    life::explains => history_explains_the_state_with_time_actor_and_reason,
    life::both_edges => finish_records_the_start_that_nobody_reported,
    life::repeats => repeated_verbs_change_nothing,
    life::stale => stale_report_changes_nothing,
    life::nobodys => report_of_an_attempt_that_was_given_back_is_refused,
    life::foreign_claim => claim_for_another_node_under_the_same_fence_is_refused,
    life::retry => failed_attempt_is_tried_again_under_a_higher_fence,
    life::declined => declined_task_is_queued_and_charged_nothing,
    life::rejected => rejected_job_says_what_is_missing,
    life::paused => paused_task_runs_again,
    life::unknown => verbs_for_unknown_jobs_are_refused_one_by_one,
    life::seal => sealed_artifacts_are_kept_for_whoever_comes_next,
    life::seal_kept => sealed_attempt_is_not_given_up,
    life::seal_refused => only_the_latest_attempt_may_seal,
    cancel::queued => queued_job_is_canceled_at_once,
    cancel::held => running_job_is_asked_to_stop_and_ends_when_its_attempt_does,
    cancel::no_retry => job_that_was_asked_to_stop_is_not_tried_again,
    cancel::declined => job_that_was_asked_to_stop_is_not_queued_again,
    cancel::no_seal => job_that_was_asked_to_stop_does_not_publish,
    cancel::too_late => sealed_job_cannot_be_canceled,
    cancel::ended => finished_job_stays_as_it_is,
    list::newest => newest_job_is_first_and_pages_do_not_overlap,
    list::filters => filters_let_through_what_they_say,
    list::counts => counts_follow_every_change,
    list::active => active_tasks_come_in_the_order_of_acceptance,
    list::nodes => node_that_registers_again_keeps_its_order,
    members::once => invitation_lets_one_machine_in_once,
    live::declarations => declaration_is_kept_until_it_is_replaced_or_taken_back,
    live::sums => totals_are_kept_while_somebody_writes_them,
    retain::age => jobs_that_ended_long_ago_are_pruned_and_others_are_not,
    retain::count => oldest_ended_jobs_beyond_the_count_are_pruned,
    retain::key => idempotency_key_goes_with_its_job,
    retain::numbers => number_of_a_pruned_job_is_not_used_again,
}
