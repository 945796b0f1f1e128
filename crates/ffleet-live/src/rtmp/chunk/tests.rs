use proptest::prelude::*;

use super::*;

fn message(kind: u8, timestamp: u32, stream: u32, body: &[u8]) -> Message {
    Message { kind, timestamp, stream, body: body.to_vec() }
}

fn write(writer: &mut Writer, id: u8, message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Message { kind, timestamp, stream, ref body } = *message;
    let (one, other) = body.split_at(body.len() / 2);
    writer.write(id, &Outgoing { kind, timestamp, stream, body: [one, other] }, &mut bytes);
    bytes
}

/// All messages in `bytes`, given in pieces of `cut`, and the error that they end with.
fn read(reader: &mut Reader, bytes: &[u8], cut: usize) -> (Vec<Message>, Option<Error>) {
    let mut messages = Vec::new();
    for mut piece in bytes.chunks(cut) {
        loop {
            match reader.read(&mut piece) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
        assert!(piece.is_empty(), "nothing is left over");
    }
    (messages, None)
}

fn messages() -> impl Strategy<Value = Vec<(u8, Message)>> {
    let time = prop_oneof![0..5_000_u32, Just(EXTENDED - 1), Just(EXTENDED), any::<u32>()];
    let body = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..400),
        1 => prop::collection::vec(any::<u8>(), 128..=128),
    ];
    let one =
        (3..64_u8, 0..4_u8, time, 0..3_u32, body).prop_map(|(id, kind, time, stream, body)| {
            (id % 4 + 3, message(kind, time, stream, &body))
        });
    prop::collection::vec(one, 1..12)
}

proptest! {
    #[test]
    fn what_is_written_is_read_however_it_is_cut(
        messages in messages(),
        size in 1..300_u32,
        cut in 1..50_usize,
    ) {
        let (mut writer, mut reader) = (Writer::new(), Reader::new());
        writer.set_size(size as usize);
        reader.set_size(size).expect("a size");
        let bytes: Vec<u8> = messages
            .iter()
            .flat_map(|(id, message)| write(&mut writer, *id, message))
            .collect();
        let (found, error) = read(&mut reader, &bytes, cut);
        prop_assert_eq!(error, None);
        prop_assert!(found.iter().eq(messages.iter().map(|(_, message)| message)));
    }

    #[test]
    fn garbage_is_the_same_however_it_is_cut(
        bytes in prop::collection::vec(prop_oneof![0..8_u8, any::<u8>()], 0..600),
        cut in 1..50_usize,
    ) {
        let whole = read(&mut Reader::new(), &bytes, bytes.len().max(1));
        prop_assert_eq!(read(&mut Reader::new(), &bytes, cut), whole);
    }
}

#[test]
fn headers_leave_out_what_is_known() {
    let mut writer = Writer::new();
    let first = write(&mut writer, 6, &message(9, 1000, 1, &[7; 130]));
    let expected = [&b"\x06\0\x03\xe8\0\0\x82\x09\x01\0\0\0"[..], &[7; 128], &[0xc6, 7, 7]];
    assert_eq!(first, expected.concat());
    let same = write(&mut writer, 6, &message(9, 1040, 1, &[8; 130]));
    assert!(same.starts_with(b"\x86\0\0\x28\x08"), "{same:x?}");
    let other = write(&mut writer, 6, &message(9, 1080, 1, b"!"));
    assert_eq!(other, b"\x46\0\0\x28\0\0\x01\x09!");
    let earlier = write(&mut writer, 6, &message(9, 1000, 1, b"!"));
    assert_eq!(earlier, b"\x06\0\x03\xe8\0\0\x01\x09\x01\0\0\0!");
    let stream = write(&mut writer, 6, &message(9, 1000, 2, b"!"));
    assert_eq!(stream, b"\x06\0\x03\xe8\0\0\x01\x09\x02\0\0\0!");
}

#[test]
fn times_of_more_than_24_bits_are_repeated_with_each_chunk() {
    let mut writer = Writer::new();
    writer.set_size(2);
    let long = write(&mut writer, 4, &message(8, 0x0100_0000, 1, b"abc"));
    assert_eq!(long, b"\x04\xff\xff\xff\0\0\x03\x08\x01\0\0\0\x01\0\0\0ab\xc4\x01\0\0\0c");
    let short = write(&mut writer, 4, &message(8, 0x0100_0001, 1, b"abc"));
    assert_eq!(short, b"\x84\0\0\x01ab\xc4c");
    // Past the end of 32 bits time goes on.
    write(&mut writer, 4, &message(8, u32::MAX - 1, 1, b"abc"));
    let wrapped = write(&mut writer, 4, &message(8, 1, 1, b"abc"));
    assert_eq!(wrapped, b"\x84\0\0\x03ab\xc4c");
}

#[test]
fn message_of_the_other_side_may_begin_with_any_type() {
    let bytes = [
        &b"\x03\0\0\x0a\0\0\x01\x08\x01\0\0\0a"[..],
        b"\x43\0\0\x05\0\0\x02\x09bc",
        b"\x83\0\0\x06de",
        b"\xc3fg",
        b"\x03\0\0\x0a\0\0\x01\x08\x01\0\0\0a",
        b"\xc3b",
    ];
    let (found, error) = read(&mut Reader::new(), &bytes.concat(), 1);
    assert_eq!(error, None);
    let times: Vec<_> = found.iter().map(|it| (it.kind, it.timestamp, it.body.len())).collect();
    assert_eq!(times, [(8, 10, 1), (9, 15, 2), (9, 21, 2), (9, 27, 2), (8, 10, 1), (8, 20, 1)]);
    assert!(found.iter().all(|it| it.stream == 1));
}

#[test]
fn chunk_streams_are_named_by_up_to_three_bytes_and_interleave() {
    let head = b"\0\0\0\0\0\x81\x08\0\0\0\0";
    let bytes = [
        &[&[0, 5][..], head].concat()[..],
        &[1; 128],
        &[&[1, 5, 1][..], head].concat(),
        &[2; 128],
        &[0xc0, 5, 1],
        &[0xc1, 5, 1, 2],
    ];
    let (found, error) = read(&mut Reader::new(), &bytes.concat(), 7);
    assert_eq!(error, None);
    assert!(found.iter().map(|it| &it.body[..]).eq([&[1; 129][..], &[2; 129]]));
}

#[test]
fn message_that_is_given_up_makes_room_for_another() {
    let mut reader = Reader::new();
    let begun = [&b"\x03\0\0\0\0\0\x81\x08\0\0\0\0"[..], &[1; 128]].concat();
    assert_eq!(read(&mut reader, &begun, 50), (vec![], None));
    reader.abort(3);
    let next = read(&mut reader, b"\x03\0\0\0\0\0\x01\x09\0\0\0\0x", 50);
    assert_eq!(next, (vec![message(9, 0, 0, b"x")], None));
}

#[test]
fn message_without_a_body_is_whole_with_its_header() {
    let (found, error) = read(&mut Reader::new(), b"\x03\0\0\0\0\0\0\x09\0\0\0\0", 50);
    assert_eq!((found, error), (vec![message(9, 0, 0, b"")], None));
}

#[test]
fn what_would_grow_without_bound_is_refused() {
    let long = read(&mut Reader::new(), b"\x03\0\0\0\x10\0\x01\x09\0\0\0\0", 50).1;
    assert_eq!(long, Some(Error::Message { long: MESSAGE + 1 }));
    let begins = |id: u8| [&[id][..], b"\0\0\0\x10\0\0\x09\0\0\0\0"].concat();
    let mut reader = Reader::new();
    reader.set_size(0x7fff_ffff).expect("a size");
    let half = [begins(3), vec![0; MESSAGE - 1]].concat();
    assert_eq!(read(&mut reader, &half, 5000), (vec![], None));
    let mut reader = Reader::new();
    reader.set_size(0x000f_ffff).expect("a size");
    let open = |id| [begins(id), vec![0; MESSAGE - 1]].concat();
    assert_eq!(read(&mut reader, &[open(3), open(4)].concat(), 5000), (vec![], None));
    let third = read(&mut reader, &begins(5), 50).1;
    assert_eq!(third, Some(Error::Chunk { id: 5, what: "leaves too much unfinished" }));
    let many: Vec<u8> = (0..65).flat_map(|id| [&[0, id][..], &[0; 11]].concat()).collect();
    let many = read(&mut Reader::new(), &many, 50).1;
    assert_eq!(many, Some(Error::Chunk { id: 64 + 64, what: "is one too many" }));
    assert_eq!(Reader::new().set_size(0), Err(Error::ChunkSize { size: 0 }));
    assert_eq!(Reader::new().set_size(1 << 31), Err(Error::ChunkSize { size: 1 << 31 }));
}

#[test]
fn chunks_that_make_no_messages_are_refused() {
    let unknown = read(&mut Reader::new(), b"\xc3", 1).1;
    assert_eq!(unknown, Some(Error::Chunk { id: 3, what: "begins without a whole header" }));
    let begun = [&b"\x03\0\0\0\0\0\x81\x08\0\0\0\0"[..], &[1; 128], &[0x83, 0, 0, 0]].concat();
    let within = read(&mut Reader::new(), &begun, 1).1;
    assert_eq!(within, Some(Error::Chunk { id: 3, what: "begins a message within another" }));
}
