use proptest::prelude::*;

use super::*;

/// A join point whose prefixes say what they are for.
fn join(at: u64) -> Join {
    let text = |text: &str| Arc::from(text.as_bytes());
    Join {
        at,
        head: text("head"),
        bridge: text("bridge"),
        reopen: text("reopen"),
        is_key: true,
    }
}

/// What a viewer gets until it has to wait, as a text.
fn drained(window: &Window, cursor: &mut Cursor) -> Vec<String> {
    let mut got = Vec::new();
    loop {
        match window.step(cursor) {
            Step::Wait => return got,
            Step::Jump { prefix, fell } => {
                let prefix = String::from_utf8_lossy(&prefix).into_owned();
                got.push(if fell { format!("fell, {prefix}") } else { prefix });
            }
            Step::Send { from, to } => {
                cursor.advance(to);
                got.push(format!("{from}..{to}"));
            }
        }
    }
}

#[test]
fn newcomer_begins_at_the_newest_join_point() {
    let mut window = Window::default();
    let mut cursor = Cursor::default();
    assert!(drained(&window, &mut cursor).is_empty(), "there is nothing yet");
    window.push(10, []);
    assert!(drained(&window, &mut cursor).is_empty(), "there is no place to begin");
    window.push(10, [join(10), join(15)]);
    assert_eq!(drained(&window, &mut cursor), ["head", "15..20"]);
    window.push(5, [join(22)]);
    assert_eq!(drained(&window, &mut cursor), ["20..25"], "it goes on without a jump");
}

#[test]
fn whoever_falls_out_goes_on_at_the_newest_join_point() {
    let mut window = Window::default();
    window.push(10, [join(0)]);
    let mut cursor = Cursor::default();
    assert_eq!(drained(&window, &mut cursor), ["head", "0..10"]);
    window.push(30, [join(20), join(30)]);
    window.trim(15);
    assert_eq!(drained(&window, &mut cursor), ["fell, bridge", "30..40"]);
    assert_eq!((cursor.skips, cursor.missed), (1, 20));
}

#[test]
fn viewers_go_over_the_seam_between_two_runs() {
    let mut window = Window::default();
    window.push(10, [join(0)]);
    let (mut quick, mut late) = (Cursor::default(), Cursor::default());
    assert_eq!(drained(&window, &mut quick), ["head", "0..10"]);
    assert!(matches!(window.step(&mut late), Step::Jump { .. }));
    window.begin_run();
    window.push(5, []);
    assert!(drained(&window, &mut quick).is_empty(), "it waits for a place to begin");
    assert_eq!(drained(&window, &mut late), ["0..10"], "it gets all of the old run first");
    window.push(10, [join(7)]);
    assert_eq!(drained(&window, &mut quick), ["reopen", "17..25"]);
    assert_eq!(drained(&window, &mut late), ["reopen", "17..25"]);
    assert_eq!(drained(&window, &mut Cursor::default()), ["head", "17..25"]);
}

#[test]
fn runs_without_a_byte_leave_no_seam() {
    let mut window = Window::default();
    window.push(10, [join(0)]);
    let mut cursor = Cursor::default();
    assert_eq!(drained(&window, &mut cursor), ["head", "0..10"]);
    for _ in 0..1_000 {
        window.begin_run();
    }
    window.push(10, [join(0)]);
    assert_eq!(drained(&window, &mut cursor), ["reopen", "10..20"]);
    assert!(window.seams.len() <= 1);
}

#[test]
fn nobody_begins_in_a_run_that_is_over() {
    let mut window = Window::default();
    window.push(10, [join(0)]);
    window.begin_run();
    assert!(drained(&window, &mut Cursor::default()).is_empty());
}

/// Something that happens to a window.
#[derive(Clone, Debug)]
enum Act {
    Push(u64, bool),
    Run,
    Trim(u64),
    Drain,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1..50_u64, any::<bool>()).prop_map(|(length, joins)| Act::Push(length, joins)),
        1 => Just(Act::Run),
        2 => (0..80_u64).prop_map(Act::Trim),
        3 => Just(Act::Drain),
    ]
}

proptest! {
    /// Whatever happens: what a viewer gets is there, comes in order, is never said twice, and where
    /// something is left out there is a jump to a join point.
    #[test]
    fn viewer_gets_what_is_there_in_order(acts in prop::collection::vec(act(), 1..200)) {
        let mut window = Window::default();
        let mut cursor = Cursor::default();
        let mut joins = std::collections::BTreeSet::new();
        let (mut reached, mut of_run, mut jumped) = (0_u64, 0_u64, false);
        for act in acts {
            match act {
                Act::Push(length, begins) => {
                    let at = of_run;
                    if begins {
                        joins.insert(window.end());
                    }
                    window.push(length, begins.then(|| join(at)));
                    of_run += length;
                }
                Act::Run => {
                    window.begin_run();
                    of_run = 0;
                }
                Act::Trim(keep) => window.trim(window.end().saturating_sub(keep)),
                Act::Drain => {
                    for _ in 0..1_000 {
                        match window.step(&mut cursor) {
                            Step::Wait => break,
                            Step::Jump { .. } => jumped = true,
                            Step::Send { from, to } => {
                                prop_assert!(from < to && from >= reached);
                                prop_assert!(from >= window.start() && to <= window.end());
                                prop_assert!(from == reached || jumped);
                                prop_assert!(!jumped || joins.contains(&from));
                                (reached, jumped) = (to, false);
                                cursor.advance(to);
                            }
                        }
                    }
                    prop_assert!(matches!(window.step(&mut cursor), Step::Wait), "it comes to an end");
                }
            }
        }
    }
}
