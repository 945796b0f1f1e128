//! The account of a node's processes under random askers.

use proptest::prelude::*;

use super::*;

const ENCODE: &str = RoleGroup::ENCODE;
const PROBE: &str = RoleGroup::PROBE;

fn group(name: &str) -> RoleGroup {
    RoleGroup::named(name)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ledger(whole: Bounds, rules: &[(&str, Rules)]) -> Ledger {
    Ledger::new(whole, rules.iter().map(|&(name, rules)| (group(name), rules)).collect())
}

fn of(processes: u32) -> Rules {
    let most = Bounds { processes: Some(processes), ..Bounds::default() };
    Rules { most, ..Rules::default() }
}

const ONE: Amount = Amount { processes: 1, threads: 1, cpu: Cpu::whole(1), memory: Bytes::mib(1) };

fn ticket(answer: &Answer) -> Ticket {
    match answer {
        Answer::Wait(ticket, _) => *ticket,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_comes_first_goes_first_even_if_a_smaller_one_would_fit() {
    let most = Bounds { threads: Some(10), ..Bounds::default() };
    let mut ledger = ledger(Bounds::default(), &[(ENCODE, Rules { most, ..Rules::default() })]);
    let encode = group(ENCODE);
    let of = |threads| Amount { threads, ..ONE };
    assert_eq!(ledger.ask(&encode, of(6), None, secs(0)), Answer::Go);
    let large = ticket(&ledger.ask(&encode, of(8), None, secs(0)));
    let small = ticket(&ledger.ask(&encode, of(2), None, secs(0)));
    assert!(matches!(ledger.ask(&encode, of(2), Some(small), secs(1)), Answer::Wait(..)));
    ledger.credit(&encode, of(6));
    assert!(matches!(ledger.ask(&encode, of(2), Some(small), secs(1)), Answer::Wait(..)));
    assert_eq!(ledger.ask(&encode, of(8), Some(large), secs(1)), Answer::Go);
    assert_eq!(ledger.ask(&encode, of(2), Some(small), secs(1)), Answer::Go);
}

#[test]
fn queue_is_bounded_and_a_place_in_it_can_be_given_up() {
    let rules = Rules { queue: 1, ..of(1) };
    let mut ledger = ledger(Bounds::default(), &[(ENCODE, rules)]);
    let encode = group(ENCODE);
    assert_eq!(ledger.ask(&encode, ONE, None, secs(0)), Answer::Go);
    let waiting = ticket(&ledger.ask(&encode, ONE, None, secs(0)));
    let full = Answer::Refused(Refusal::Full(encode.clone(), 1));
    assert_eq!(ledger.ask(&encode, ONE, None, secs(0)), full);
    ledger.leave(&encode, waiting);
    assert!(matches!(ledger.ask(&encode, ONE, None, secs(0)), Answer::Wait(..)));
    let (_, standing) = ledger.standings().next().unwrap();
    assert_eq!((standing.waiting, standing.refused, standing.used.processes), (1, 1, 1));
}

#[test]
fn what_never_fits_is_refused_at_once_with_both_figures() {
    let rules = Rules {
        most: Bounds { memory: Some(Bytes::mib(512)), ..Bounds::default() },
        ..Rules::default()
    };
    let whole = Bounds { threads: Some(100), ..Bounds::default() };
    let mut ledger = ledger(whole, &[(ENCODE, rules)]);
    let ask = |ledger: &mut Ledger, amount| match ledger.ask(&group(ENCODE), amount, None, secs(0))
    {
        Answer::Refused(refusal) => refusal.to_string(),
        other => panic!("{other:?}"),
    };
    let text = ask(&mut ledger, Amount { memory: Bytes::gib(1), ..ONE });
    assert!(text.contains("encode never has room") && text.contains("512 MiB"), "{text}");
    let text = ask(&mut ledger, Amount { threads: 101, ..ONE });
    assert!(
        text.contains("node never has room") && text.contains("101 threads of 100"),
        "{text}"
    );
    assert!(matches!(
        ledger.ask(&group("other"), ONE, None, secs(0)),
        Answer::Refused(Refusal::Unknown(_))
    ));
}

#[test]
fn starts_come_no_faster_than_the_spawn_rate() {
    let rules = Rules { spawn_rate: Rate::per_second(4), ..Rules::default() };
    let mut ledger = ledger(Bounds::default(), &[(PROBE, rules)]);
    let probe = group(PROBE);
    for _ in 0..4 {
        assert_eq!(ledger.ask(&probe, ONE, None, secs(9)), Answer::Go);
    }
    let answer = ledger.ask(&probe, ONE, None, secs(9));
    let Answer::Wait(waiting, Some(until)) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(until, secs(9) + Duration::from_millis(250));
    assert_eq!(ledger.ask(&probe, ONE, Some(waiting), until), Answer::Go);
}

#[test]
fn fuse_opens_when_too_many_fail_and_one_child_closes_it() {
    let rules = Rules { fuse: Rate::per_minute(2), cool_down: Span::secs(30), ..of(8) };
    let mut ledger = ledger(Bounds::default(), &[(ENCODE, rules)]);
    let encode = group(ENCODE);
    for at in [0, 70, 80] {
        ledger.failed(&encode, secs(at));
        assert_eq!(ledger.ask(&encode, ONE, None, secs(at)), Answer::Go, "{at}");
        ledger.credit(&encode, ONE);
    }
    ledger.failed(&encode, secs(90));
    let broken = Answer::Refused(Refusal::Broken(encode.clone(), rules.fuse));
    assert_eq!(ledger.ask(&encode, ONE, None, secs(119)), broken);
    // One goes, the next one waits for what becomes of it.
    assert_eq!(ledger.ask(&encode, ONE, None, secs(120)), Answer::Go);
    let next = ticket(&ledger.ask(&encode, ONE, None, secs(120)));
    ledger.failed(&encode, secs(121));
    ledger.credit(&encode, ONE);
    assert_eq!(ledger.ask(&encode, ONE, Some(next), secs(122)), broken);
    assert_eq!(ledger.ask(&encode, ONE, None, secs(151)), Answer::Go);
    ledger.worked(&encode);
    ledger.credit(&encode, ONE);
    for _ in 0..3 {
        assert_eq!(ledger.ask(&encode, ONE, None, secs(152)), Answer::Go);
    }
}

#[test]
fn child_of_an_earlier_life_counts_even_where_there_is_no_room() {
    let mut ledger = ledger(Bounds::default(), &[(ENCODE, of(1))]);
    let encode = group(ENCODE);
    ledger.take_over(&encode, ONE);
    ledger.take_over(&encode, ONE);
    let waiting = ticket(&ledger.ask(&encode, ONE, None, secs(0)));
    ledger.credit(&encode, ONE);
    assert!(matches!(ledger.ask(&encode, ONE, Some(waiting), secs(0)), Answer::Wait(..)));
    ledger.credit(&encode, ONE);
    assert_eq!(ledger.ask(&encode, ONE, Some(waiting), secs(0)), Answer::Go);
}

#[derive(Clone, Debug)]
enum Step {
    Ask(u8, Amount),
    Again(usize),
    Leave(usize),
    Credit(usize),
    Fail(u8),
    Work(u8),
}

fn steps() -> impl Strategy<Value = Vec<(Step, u64)>> {
    let amount = (1..3_u32, 0..60_u32, 0..3_000_u32, 0..4_000_u64).prop_map(
        |(processes, threads, cpu, memory)| Amount {
            processes,
            threads,
            cpu: Cpu(cpu),
            memory: Bytes(memory),
        },
    );
    let step = prop_oneof![
        4 => (0..3_u8, amount).prop_map(|(group, amount)| Step::Ask(group, amount)),
        4 => (0..32_usize).prop_map(Step::Again),
        1 => (0..32_usize).prop_map(Step::Leave),
        3 => (0..32_usize).prop_map(Step::Credit),
        1 => (0..3_u8).prop_map(Step::Fail),
        1 => (0..3_u8).prop_map(Step::Work),
    ];
    prop::collection::vec((step, 0..400_u64), 0..120)
}

proptest! {
    #[test]
    fn sums_never_pass_their_bounds_and_nobody_is_forgotten(steps in steps()) {
        let names = [group(ENCODE), group(PROBE), group("own")];
        let most = Bounds {
            processes: Some(4), threads: Some(100), cpu: Some(Cpu(4_000)), memory: Some(Bytes(6_000)),
        };
        let whole = Bounds { processes: Some(6), threads: Some(150), ..Bounds::default() };
        let rules = Rules { most, queue: 4, fuse: Rate::per_minute(5), ..Rules::default() };
        let mut ledger = Ledger::new(whole, names.iter().map(|name| (name.clone(), rules)).collect());
        let (mut living, mut waiting) = (Vec::new(), Vec::new());
        let mut now = Duration::ZERO;
        for (step, millis) in steps {
            now += Duration::from_millis(millis);
            match step {
                Step::Ask(name, amount) => {
                    let name = &names[usize::from(name)];
                    match ledger.ask(name, amount, None, now) {
                        Answer::Go => living.push((name.clone(), amount)),
                        Answer::Wait(ticket, _) => waiting.push((name.clone(), amount, ticket)),
                        Answer::Refused(_) => {}
                    }
                }
                Step::Again(which) if which < waiting.len() => {
                    let (name, amount, ticket) = waiting[which].clone();
                    match ledger.ask(&name, amount, Some(ticket), now) {
                        Answer::Go => {
                            waiting.remove(which);
                            living.push((name, amount));
                        }
                        Answer::Wait(same, _) => prop_assert_eq!(same, ticket),
                        Answer::Refused(_) => { waiting.remove(which); }
                    }
                }
                Step::Leave(which) if which < waiting.len() => {
                    let (name, _, ticket) = waiting.remove(which);
                    ledger.leave(&name, ticket);
                }
                Step::Credit(which) if which < living.len() => {
                    let (name, amount) = living.remove(which);
                    ledger.credit(&name, amount);
                }
                Step::Fail(name) => ledger.failed(&names[usize::from(name)], now),
                Step::Work(name) => ledger.worked(&names[usize::from(name)]),
                Step::Again(_) | Step::Leave(_) | Step::Credit(_) => {}
            }
            let mut total = Amount::default();
            for (name, standing) in ledger.standings() {
                let sum = living.iter().filter(|(group, _)| group == name)
                    .fold(Amount::default(), |sum, (_, amount)| sum.plus(*amount));
                prop_assert_eq!(standing.used, sum);
                prop_assert!(most.hold(&sum), "{sum:?}");
                let queued = waiting.iter().filter(|(group, ..)| group == name).count();
                prop_assert_eq!(usize::try_from(standing.waiting).unwrap(), queued);
                prop_assert!(queued <= 4);
                total = total.plus(sum);
            }
            prop_assert!(whole.hold(&total), "{total:?}");
        }
        // When everybody has gone and time has passed, all who wait get their turn.
        for (name, amount) in living.drain(..) {
            ledger.credit(&name, amount);
        }
        now += secs(3_600);
        for _ in 0..=waiting.len() {
            waiting.retain(|(name, amount, ticket)| {
                let gone = ledger.ask(name, *amount, Some(*ticket), now) == Answer::Go;
                if gone {
                    ledger.worked(name);
                    ledger.credit(name, *amount);
                }
                !gone
            });
            now += secs(1);
        }
        prop_assert!(waiting.is_empty(), "{waiting:?}");
    }
}
