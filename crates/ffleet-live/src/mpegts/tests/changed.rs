//! Tracks that become others, and tracks that come later.

use super::*;

#[test]
fn changed_track_has_a_new_map_where_it_needs_one() {
    let mut writer = Writer::new(&[track(Codec::H264), track(Codec::Aac)]).expect("it fits");
    let versions = |bytes: &[u8]| -> Vec<u8> {
        let packets = bytes.as_chunks::<PACKET>().0.iter();
        packets
            .filter(|packet| packet[1..3] == [0x50, 0])
            .map(|map| map[10] >> 1 & 31)
            .collect()
    };
    let write = |writer: &mut Writer, track, codec, dts| {
        let mut bytes = Vec::new();
        let packet = packet(codec, dts, false, 20);
        writer.write(track, &packet, &mut bytes).expect("it can be written");
        bytes
    };
    let mut all = write(&mut writer, 0, Codec::H264, 0);
    let other_sets = Track { codec: Codec::H264, config: SETS[..9].to_vec() };
    writer.change(0, other_sets).expect("it fits");
    writer
        .change(1, Track { codec: Codec::Aac, config: vec![0x11, 0x90] })
        .expect("it fits");
    all.extend(write(&mut writer, 1, Codec::Aac, 100));
    assert_eq!(versions(&all), [0], "nothing that a map says");
    let refused = writer.change(1, Track { codec: Codec::Aac, config: vec![] });
    assert_eq!(refused, Err(Refused::Config(1)));
    writer.change(1, track(Codec::Opus)).expect("it fits");
    all.extend(write(&mut writer, 1, Codec::Opus, 2_000));
    assert_eq!(versions(&all), [0, 1]);
    checked(&all);
    let (items, counts) = read(&all, 188);
    assert_eq!(counts.lost, 0);
    let programs = items.iter().filter(|item| matches!(item, Item::Program(_))).count();
    assert_eq!(programs, 2);
}

#[test]
fn track_that_comes_later_leaves_the_others_where_they_are() {
    let mut writer = Writer::new(&[track(Codec::Aac)]).expect("it fits");
    let mut bytes = Vec::new();
    let mut write = |writer: &mut Writer, track, codec, dts| {
        let packet = packet(codec, dts, true, 20);
        writer.write(track, &packet, &mut bytes).expect("it can be written");
    };
    write(&mut writer, 0, Codec::Aac, 0);
    assert_eq!(writer.add(track(Codec::H264)), Ok(1));
    write(&mut writer, 1, Codec::H264, 100);
    write(&mut writer, 0, Codec::Aac, 2_000);
    let refused = writer.add(Track { codec: Codec::Aac, config: vec![] });
    assert_eq!(refused, Err(Refused::Config(2)), "and nothing is changed");
    write(&mut writer, 0, Codec::Aac, 4_000);
    checked(&bytes);
    let (items, counts) = read(&bytes, 188);
    assert_eq!(counts.lost, 0);
    let programs = items.iter().filter(|item| matches!(item, Item::Program(_))).count();
    assert_eq!(programs, 2);
}
