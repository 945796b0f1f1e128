use super::*;

fn map(text: &str) -> Vec<(Key, Node)> {
    let (node, fault) = parse(text);
    assert!(fault.is_none(), "{fault:?}");
    match node.expect("a document").value {
        Value::Map(entries) => entries,
        other => panic!("{other:?} is no map"),
    }
}

fn scalar(node: &Node) -> &str {
    match &node.value {
        Value::Scalar(text) => text,
        other => panic!("{other:?} is no scalar"),
    }
}

#[test]
fn scalars_are_kept_as_they_were_written() {
    for text in ["010", "1.50", "on", "true", "0x1F", "1e3", "10_000", "-5", "plain", "2GiB"] {
        let entries = map(&format!("key: {text} # said\n"));
        assert_eq!(scalar(&entries[0].1), text);
    }
    assert_eq!(scalar(&map("key: '010'")[0].1), "010");
    assert_eq!(scalar(&map("# ü\nkey: 010")[0].1), "010");
}

#[test]
fn every_part_knows_its_line() {
    let entries = map("a: 1\n\nb:\n  c: [x,\n      y]\n");
    assert_eq!((entries[1].0.at.line, entries[1].0.at.column), (3, 1));
    let Value::Map(inner) = &entries[1].1.value else {
        panic!("a section")
    };
    let Value::List(items) = &inner[0].1.value else {
        panic!("a list")
    };
    assert_eq!((items[1].at.line, items[1].at.column), (5, 7));
}

#[test]
fn key_said_twice_is_a_fault_and_the_first_one_counts() {
    let (node, fault) = parse("a: 1\nb: 2\na: 3\n");
    let fault = fault.expect("a fault");
    assert_eq!((fault.at.line, fault.message.as_str()), (3, "the key `a` is there twice"));
    let Value::Map(entries) = node.expect("the rest is read").value else {
        panic!("a map")
    };
    assert_eq!((entries.len(), scalar(&entries[0].1)), (2, "1"));
}

#[test]
fn text_that_is_no_yaml_says_where() {
    for (text, line) in [("a: [1, 2\nb: 3", 2), ("a: b\n\t- c", 1), ("a: 'b\n", 1)] {
        let (node, fault) = parse(text);
        assert!(node.is_none(), "{text:?}");
        let fault = fault.expect("a fault");
        assert!(fault.at.line >= line && !fault.message.is_empty(), "{text:?}: {fault:?}");
        assert!(!fault.message.contains('\n'), "{fault:?}");
    }
}

#[test]
fn empty_document_is_nothing() {
    for text in ["", "# only a comment\n", "---\n"] {
        let (node, fault) = parse(text);
        assert!(fault.is_none(), "{text:?}: {fault:?}");
        assert!(matches!(node.expect("a document").value, Value::Empty), "{text:?}");
    }
}
