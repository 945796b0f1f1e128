use proptest::prelude::*;

use super::*;
use crate::rtmp::amf::{self, Value};

mod peer;

use peer::{Peer, about, arrived, publisher, talk};

fn tag(kind: Kind, timestamp: u32, body: &[u8]) -> Tag {
    Tag::new(kind, timestamp, body.to_vec()).expect("a tag")
}

#[test]
fn stream_is_asked_for_step_by_step() {
    for cut in [1, 100_000] {
        let (publisher, peer) = arrived(State::Publishing, cut);
        let names = ["connect", "releaseStream", "FCPublish", "createStream", "publish"];
        assert_eq!(peer.names(), names);
        let commands = peer.commands();
        let numbers: Vec<_> = commands.iter().map(|(_, number, _)| *number).collect();
        assert_eq!(numbers, [1.0, 2.0, 3.0, 4.0, 5.0]);
        let connect = &commands[0].2[0];
        assert_eq!(connect.field("app").and_then(Value::text), Some("app"));
        assert_eq!(connect.field("tcUrl").and_then(Value::text), Some("rtmp://host/app"));
        assert_eq!(connect.field("fourCcList"), None);
        let text = |text: &str| Value::String(text.to_owned());
        let key = "SECRET?pass=SECRET";
        assert_eq!(commands[1].2, [Value::Null, text(key)]);
        assert_eq!(commands[4].2, [Value::Null, text(key), text("live")]);
        let streams: Vec<_> = peer.heard.iter().map(|message| message.stream).collect();
        assert_eq!(streams, [0, 0, 0, 0, 0, 7], "a chunk size among them");
        assert_eq!(publisher.pending(), 0);
    }
}

#[test]
fn codec_by_name_is_announced() {
    let address = "rtmp://host/app/key".parse().expect("an address");
    let track = Track { codec: Codec::H265, config: Vec::new() };
    let (mut publisher, mut peer) = (Publisher::new(&address, 1, &[track]), Peer::new());
    talk(&mut publisher, &mut peer, 1000);
    let list = Value::Array(vec![Value::String("hvc1".to_owned())]);
    assert_eq!(peer.commands()[0].2[0].field("fourCcList"), Some(&list));
}

#[test]
fn nothing_is_published_before_the_server_says_so() {
    for state in [State::Connecting, State::Creating] {
        let (mut publisher, _) = arrived(state, 1000);
        assert_eq!(publisher.publish(&tag(Kind::Audio, 0, &[1])), Err(Error::NotPublishing));
        assert_eq!(publisher.pending(), 0);
    }
}

#[test]
fn tags_arrive_as_messages_of_the_stream() {
    let (mut publisher, mut peer) = arrived(State::Publishing, 1000);
    peer.heard.clear();
    let picture = vec![9; 200_000];
    for tag in [
        tag(Kind::Script, 0, b"\x02\0\x0aonMetaData\x05"),
        tag(Kind::Script, 10, b"\x02\0\x0aonCuePoint\x05"),
        tag(Kind::Audio, u32::MAX, &[8; 3]),
        tag(Kind::Video, 20, &picture),
        tag(Kind::Audio, 21, &[8; 3]),
    ] {
        publisher.publish(&tag).expect("it is taken");
    }
    talk(&mut publisher, &mut peer, 1000);
    let expected = [
        (18, 0, &b"\x02\0\x0d@setDataFrame\x02\0\x0aonMetaData\x05"[..]),
        (18, 10, b"\x02\0\x0aonCuePoint\x05"),
        (8, u32::MAX, &[8; 3]),
        (9, 20, &picture),
        (8, 21, &[8; 3]),
    ];
    let heard = peer.heard.iter().map(|it| (it.kind, it.timestamp, &it.body[..]));
    assert!(heard.eq(expected));
    assert!(peer.heard.iter().all(|message| message.stream == 7));
}

#[test]
fn refusal_says_why_without_the_key() {
    let no_app = about("error", "NetConnection.Connect.Rejected", "no app\nhere");
    let (mut publisher, mut peer) = arrived(State::Connecting, 1000);
    peer.command("_error", 1.0, no_app);
    talk(&mut publisher, &mut peer, 1000);
    let State::Refused(refusal) = publisher.state() else {
        panic!("{publisher:?}")
    };
    assert_eq!(refusal.code, "NetConnection.Connect.Rejected");
    assert_eq!(refusal.description, "no apphere");
    assert!(!refusal.is_taken());

    let (mut publisher, mut peer) = arrived(State::Creating, 1000);
    peer.command("_error", 4.0, Value::Null);
    talk(&mut publisher, &mut peer, 1000);
    let State::Refused(refusal) = publisher.state() else {
        panic!("{publisher:?}")
    };
    assert_eq!(refusal.to_string(), "the server gave no stream");

    // A status is one whatever its level is called.
    for level in ["error", "status"] {
        let (mut publisher, mut peer) = arrived(State::Creating, 1000);
        peer.command("_result", 4.0, Value::Number(1.0));
        peer.status(level, "NetStream.Publish.BadName", "SECRET is taken");
        talk(&mut publisher, &mut peer, 1000);
        let State::Refused(refusal) = publisher.state() else {
            panic!("{publisher:?}")
        };
        assert!(refusal.is_taken());
        let expected = "somebody publishes there already (NetStream.Publish.BadName): *** is taken";
        assert_eq!(refusal.to_string(), expected);
    }

    let (mut publisher, mut peer) = arrived(State::Publishing, 1000);
    peer.status("error", "NetStream.Failed", &"x".repeat(9000));
    talk(&mut publisher, &mut peer, 1000);
    let State::Refused(refusal) = publisher.state() else {
        panic!("{publisher:?}")
    };
    assert_eq!(refusal.description.len(), WORDS);
    assert_eq!(publisher.publish(&tag(Kind::Audio, 0, &[1])), Err(Error::NotPublishing));
}

#[test]
fn what_a_server_does_not_know_of_the_old_calls_does_not_matter() {
    let (mut publisher, mut peer) = arrived(State::Creating, 1000);
    peer.command("_error", 2.0, about("error", "NetConnection.Call.Failed", ""));
    peer.command("_error", 3.0, about("error", "NetConnection.Call.Failed", ""));
    talk(&mut publisher, &mut peer, 1000);
    assert_eq!(publisher.state(), State::Creating);
}

#[test]
fn answer_of_another_step_is_passed_over() {
    let (mut publisher, mut peer) = arrived(State::Connecting, 1000);
    peer.command("_result", 4.0, Value::Number(1.0));
    peer.status("status", "NetStream.Publish.Start", "");
    peer.command("onBWDone", 0.0, Value::Null);
    talk(&mut publisher, &mut peer, 1000);
    assert_eq!(publisher.state(), State::Connecting);
}

#[test]
fn stream_that_is_given_without_a_number_is_an_error() {
    for wrong in [Value::Null, Value::Number(-1.0), Value::Number(0.5), Value::Number(f64::NAN)] {
        let (mut publisher, mut peer) = arrived(State::Creating, 1000);
        peer.command("_result", 4.0, wrong);
        assert_eq!(publisher.receive(&peer.says), Err(Error::NoStream));
        assert_eq!(publisher.state(), State::Closed);
        assert_eq!(publisher.receive(b"more"), Ok(()), "it is passed over");
    }
}

#[test]
fn server_that_goes_away_has_refused_unless_it_had_taken_the_stream() {
    let (mut publisher, _) = arrived(State::Connecting, 1000);
    publisher.hung_up();
    let State::Refused(refusal) = publisher.state() else {
        panic!("{publisher:?}")
    };
    let expected = "the server closed the connection when it was asked for the application";
    assert_eq!(refusal.to_string(), expected);
    let (mut publisher, _) = arrived(State::Publishing, 1000);
    publisher.hung_up();
    assert_eq!(publisher.state(), State::Closed);
}

#[test]
fn end_is_said_to_the_server() {
    let (mut publisher, mut peer) = arrived(State::Publishing, 1000);
    publisher.close();
    assert_eq!(publisher.state(), State::Closed);
    talk(&mut publisher, &mut peer, 1000);
    assert!(
        peer.names()
            .ends_with(&["FCUnpublish".to_owned(), "deleteStream".to_owned()])
    );
    assert_eq!(
        peer.commands().last().map(|it| &it.2[..]),
        Some(&[Value::Null, Value::Number(7.0)][..])
    );
    let (mut publisher, mut peer) = arrived(State::Connecting, 1000);
    publisher.close();
    talk(&mut publisher, &mut peer, 1000);
    assert_eq!(peer.names(), ["connect"], "there is nothing to give back");
}

#[test]
fn ping_is_answered_with_its_time() {
    let (mut publisher, mut peer) = arrived(State::Publishing, 1000);
    peer.heard.clear();
    peer.say(USER_CONTROL, &[0, 6, 1, 2, 3, 4]);
    peer.say(USER_CONTROL, &[0, 0, 0, 0, 0, 1]);
    talk(&mut publisher, &mut peer, 1000);
    let heard: Vec<_> = peer.heard.iter().map(|it| (it.kind, it.body.clone())).collect();
    assert_eq!(heard, [(USER_CONTROL, vec![0, 7, 1, 2, 3, 4])]);
}

#[test]
fn windows_are_kept_both_ways() {
    let (mut publisher, mut peer) = arrived(State::Publishing, 1000);
    peer.heard.clear();
    peer.say(PEER_BANDWIDTH, &[0, 0, 0x10, 0, 2]);
    peer.say(PEER_BANDWIDTH, &[0, 0, 0x10, 0, 2]);
    talk(&mut publisher, &mut peer, 1000);
    assert_eq!(peer.heard.len(), 1, "it is said once");
    assert_eq!((peer.heard[0].kind, &peer.heard[0].body[..]), (WINDOW, &[0, 0, 0x10, 0][..]));

    peer.heard.clear();
    peer.say(WINDOW, &2000_u32.to_be_bytes());
    for _ in 0..30 {
        peer.say(15, &[0; 100]);
    }
    talk(&mut publisher, &mut peer, 1000);
    let told: Vec<_> = peer
        .heard
        .iter()
        .filter(|it| it.kind == ACKNOWLEDGEMENT)
        .map(|it| u32::from_be_bytes(*it.body.first_chunk().expect("four bytes")))
        .collect();
    assert!(
        told.len() >= 3 && told.windows(2).all(|two| two[1] - two[0] >= 1000),
        "{told:?}"
    );
    assert_eq!(Some(u64::from(told[told.len() - 1])), Some(publisher.flow.told));

    publisher.publish(&tag(Kind::Audio, 0, &[0; 100])).expect("it is taken");
    talk(&mut publisher, &mut peer, 1000);
    let sent = publisher.flow.sent;
    assert_eq!(publisher.unacknowledged(), sent);
    for (count, left) in [(sent - 40, 40), (sent - 60, 40), (sent + 3073, 0)] {
        let count = u32::try_from(count).expect("32 bits");
        peer.say(ACKNOWLEDGEMENT, &count.to_be_bytes());
        talk(&mut publisher, &mut peer, 1000);
        assert_eq!(publisher.unacknowledged(), left);
    }
}

#[test]
fn counts_of_bytes_wrap() {
    let mut flow = Flow { sent: (3 << 32) + 10, ..Flow::default() };
    flow.acknowledge(5);
    assert_eq!(flow.acknowledged, (3 << 32) + 5);
    flow.acknowledge(u32::MAX);
    assert_eq!(flow.acknowledged, (3 << 32) + 5, "it does not go back");
    flow.sent = (4 << 32) + 1;
    flow.acknowledge(u32::MAX);
    assert_eq!(flow.acknowledged, (4 << 32) - 1);
}

#[test]
fn backlog_has_a_bound() {
    let (mut publisher, mut peer) = arrived(State::Publishing, 1000);
    let large = tag(Kind::Video, 0, &vec![0; BODY]);
    for _ in 0..3 {
        publisher.publish(&large).expect("there is room");
    }
    let pending = publisher.pending();
    assert_eq!(publisher.publish(&large), Err(Error::Full { pending }));
    assert_eq!(publisher.pending(), pending, "nothing of it is sent");
    peer.say(USER_CONTROL, &[0, 6, 1, 2, 3, 4]);
    publisher
        .receive(&std::mem::take(&mut peer.says))
        .expect("there is room for an answer");
    let name = &b"\x02\0\x0aonMetaData"[..];
    let script = tag(Kind::Script, 0, &[name, &vec![0; BODY - name.len()]].concat());
    assert!(publisher.output().is_some());
    assert_eq!(publisher.publish(&script), Err(Error::Message { long: BODY }));
    // A server that asks and asks, and reads nothing.
    peer.says.clear();
    for _ in 0..5000 {
        peer.say(USER_CONTROL, &[0, 6, 1, 2, 3, 4]);
    }
    let pings = std::mem::take(&mut peer.says);
    let mut received = Ok(());
    while received.is_ok() {
        received = publisher.receive(&pings);
        assert!(publisher.pending() < BACKLOG + ANSWERS + 100);
    }
    assert!(matches!(received, Err(Error::Full { .. })), "{received:?}");
}

#[test]
fn key_is_not_shown() {
    let (publisher, _) = arrived(State::Connecting, 1000);
    let shown = format!("{publisher:?}");
    assert!(!shown.contains("SECRET") && shown.contains("rtmp://host/app/***"), "{shown}");
}

#[test]
fn commands_in_the_clothes_of_amf_3_are_heard() {
    let (mut publisher, mut peer) = arrived(State::Connecting, 1000);
    let mut body = vec![0];
    let head = [Value::String("_result".to_owned()), Value::Number(1.0)];
    amf::encode(&head, &mut body);
    peer.say(COMMAND_3, &body);
    talk(&mut publisher, &mut peer, 1000);
    assert_eq!(publisher.state(), State::Creating);
}

#[test]
fn what_is_cut_off_within_a_message_is_an_error() {
    for (kind, body) in
        [(1, &b"\0"[..]), (2, b""), (3, b"\0\0"), (5, b""), (6, b"\0"), (4, b"\0\x06\0")]
    {
        let (mut publisher, mut peer) = arrived(State::Connecting, 1000);
        peer.say(kind, body);
        assert_eq!(publisher.receive(&peer.says), Err(Error::Control { kind }));
    }
    let (mut publisher, mut peer) = arrived(State::Connecting, 1000);
    peer.say(COMMAND, b"\x02\0\x09");
    let error = publisher.receive(&peer.says).expect_err("a command is cut off");
    assert_eq!(error.to_string(), "a command of the server cannot be read");
    let source = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(source.as_deref(), Some("AMF: a value is cut off at byte 3"));
}

proptest! {
    #[test]
    fn garbage_ends_a_session_the_same_way_however_it_is_cut(
        bytes in prop::collection::vec(prop_oneof![0..24_u8, any::<u8>()], 0..600),
        cut in 1..40_usize,
        is_hello in any::<bool>(),
    ) {
        let ends = |cut: usize| {
            let mut publisher = if is_hello { publisher() } else { arrived(State::Creating, 1000).0 };
            let ends: Vec<_> = bytes.chunks(cut).map(|piece| publisher.receive(piece)).filter(Result::is_err).collect();
            (ends, format!("{:?}", publisher.state()))
        };
        prop_assert_eq!(ends(cut), ends(bytes.len().max(1)));
    }

    #[test]
    fn damaged_answers_never_panic(
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in 1..200_usize,
    ) {
        let mut peer = Peer::new();
        peer.say(WINDOW, &2000_u32.to_be_bytes());
        peer.command("_result", 1.0, about("status", "NetConnection.Connect.Success", "yes"));
        peer.command("_result", 4.0, Value::Number(7.0));
        peer.status("status", "NetStream.Publish.Start", "yes");
        peer.say(USER_CONTROL, &[0, 6, 1, 2, 3, 4]);
        let mut says = peer.says;
        let begin = 1 + 2 * 1536;
        let long = says.len() - begin;
        for (place, byte) in damages {
            says[begin + place.index(long)] = byte;
        }
        let mut publisher = publisher();
        for piece in says.chunks(cut) {
            if publisher.receive(piece).is_err() {
                break;
            }
        }
        publisher.close();
        publisher.hung_up();
        let is_over = matches!(publisher.state(), State::Closed | State::Refused(_));
        prop_assert!(is_over);
    }
}
