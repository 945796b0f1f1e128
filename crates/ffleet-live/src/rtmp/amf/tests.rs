use proptest::prelude::*;

use super::*;

fn values() -> impl Strategy<Value = Vec<Value>> {
    let number = any::<f64>().prop_filter("numbers equal themselves", |number| !number.is_nan());
    let leaf = prop_oneof![
        number.clone().prop_map(Value::Number),
        any::<bool>().prop_map(Value::Boolean),
        ".{0,12}".prop_map(Value::String),
        Just(Value::Null),
        Just(Value::Undefined),
        number.prop_map(Value::Date),
    ];
    let value = leaf.prop_recursive(6, 64, 6, |inner| {
        let pairs = prop::collection::vec((".{0,8}", inner.clone()), 0..6);
        prop_oneof![
            pairs.clone().prop_map(Value::Object),
            pairs.prop_map(Value::Map),
            prop::collection::vec(inner, 0..6).prop_map(Value::Array),
        ]
    });
    prop::collection::vec(value, 0..6)
}

fn encoded(values: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(values, &mut bytes);
    bytes
}

proptest! {
    #[test]
    fn what_is_written_is_read(values in values()) {
        prop_assert_eq!(decode(&encoded(&values)), Ok(values));
    }

    #[test]
    fn what_is_cut_off_is_a_part_or_refused(values in values(), cut in any::<prop::sample::Index>()) {
        let bytes = encoded(&values);
        if let Ok(some) = decode(&bytes[..cut.index(bytes.len() + 1)]) {
            prop_assert!(values.starts_with(&some));
        }
    }

    #[test]
    fn garbage_is_values_or_refused_where_it_is(bytes in prop::collection::vec(prop_oneof![0..0x12_u8, any::<u8>()], 0..256)) {
        if let Err(error) = decode(&bytes) {
            prop_assert!(error.at <= bytes.len());
        }
    }
}

#[test]
fn values_are_written_as_the_specification_has_them() {
    let pairs = vec![("a".to_owned(), Value::Boolean(true))];
    for (value, bytes) in [
        (Value::Number(1.0), &b"\0\x3f\xf0\0\0\0\0\0\0"[..]),
        (Value::String("live".to_owned()), b"\x02\0\x04live"),
        (Value::Object(pairs.clone()), b"\x03\0\x01a\x01\x01\0\0\x09"),
        (Value::Map(pairs), b"\x08\0\0\0\x01\0\x01a\x01\x01\0\0\x09"),
        (Value::Array(vec![Value::Null]), b"\x0a\0\0\0\x01\x05"),
        (Value::Date(0.0), b"\x0b\0\0\0\0\0\0\0\0\0\0"),
    ] {
        assert_eq!(encoded(std::slice::from_ref(&value)), bytes, "{value:?}");
    }
}

#[test]
fn text_of_any_length_is_written() {
    for long in [0, SHORT, SHORT + 1] {
        let text = vec![Value::String("x".repeat(long))];
        assert_eq!(decode(&encoded(&text)), Ok(text), "{long}");
    }
    let name = format!("{}é", "x".repeat(SHORT - 1));
    let cut = decode(&encoded(&[Value::Object(vec![(name.clone(), Value::Null)])]));
    let kept = name[..SHORT - 1].to_owned();
    assert_eq!(cut, Ok(vec![Value::Object(vec![(kept, Value::Null)])]));
}

#[test]
fn what_others_write_is_read() {
    let long = decode(b"\x0c\0\0\0\x02hi\x0f\0\0\0\x02ho\x02\0\x01\xff");
    let text = |text: &str| Value::String(text.to_owned());
    assert_eq!(long, Ok(vec![text("hi"), text("ho"), text("\u{fffd}")]));
    // The count of a map is not to be relied on; a class is not asked for.
    let map =
        decode(b"\x08\xff\xff\xff\xff\0\x01a\x05\0\0\x09\x10\0\x01C\0\0\x09\x0d").expect("values");
    assert_eq!(map[0].field("a"), Some(&Value::Null));
    assert_eq!(map[1..], [Value::Object(Vec::new()), Value::Undefined]);
}

#[test]
fn what_would_grow_without_bound_is_refused() {
    let deep = [0x0a, 0, 0, 0, 1].repeat(DEPTH + 2);
    assert_eq!(
        decode(&deep).map_err(|error| error.what),
        Err("values lie too deep in one another")
    );
    let many = [0x05].repeat(COUNT + 1);
    assert_eq!(decode(&many), Err(Error { at: COUNT, what: "too many values" }));
    assert_eq!(decode(&many[1..]).map(|values| values.len()), Ok(COUNT));
    let none = decode(b"\x0a\xff\xff\xff\xff").map_err(|error| error.to_string());
    assert_eq!(none, Err("AMF: a value is cut off at byte 5".to_owned()));
    assert_eq!(decode(b"\x05\x11").map_err(|error| error.at), Err(1));
}
