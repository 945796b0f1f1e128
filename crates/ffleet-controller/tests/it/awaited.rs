//! What a job that waits says it waits for.

use ffleet_types::Bytes;

use crate::fixture::Fixture;
use crate::hand::Hand;

#[tokio::test]
async fn job_that_waits_says_what_each_node_lacks_and_that_rings_have_the_memory() {
    let fixture = Fixture::start().await;
    let both = Hand::equipped_as(&fixture.controller, "both", &["libx264", "libx265"]).await;
    let _other = Hand::equipped_as(&fixture.controller, "other", &["libx264"]).await;
    both.say_rings(Bytes::gib(7)).await;
    let mut request = fixture.job("a.mp4");
    request.outputs[0].preset = Some("480p-h265".into());
    request.limits.memory = Some(Bytes::gib(2));
    let accepted = fixture.client().submit(&request, None).await.unwrap();
    let number = ffleet_types::JobRef::Number(accepted.number());
    assert!(both.is_idle().await);
    let waits = fixture.client().job(number).await.unwrap().summary.waits;
    assert_eq!(
        waits.as_deref(),
        Some(
            "node both: no room for 2.00 GiB of memory (1.00 GiB is free); rings of live streams hold 7.00 GiB of its \
             memory; node other: no working encoder libx265"
        )
    );
    let page = fixture.get(&format!("/jobs/{number}")).await.body;
    assert!(page.contains("rings of live streams hold 7.00 GiB"), "{page}");
    both.say_rings(Bytes(0)).await;
    both.begin().await;
    let begun = fixture.client().job(number).await.unwrap();
    assert_eq!(begun.summary.waits, None);
    fixture.stop().await;
}
