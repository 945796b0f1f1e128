use proptest::prelude::*;

use super::*;

fn words(line: &str) -> Vec<String> {
    // Corpus lines separate arguments by one space; a space inside an argument is `␣`.
    line.split(' ').map(|word| word.replace('␣', " ")).collect()
}

/// Command tails as people write them.
const ORDINARY: &str = include_str!("corpus/ordinary.txt");

/// What must never reach FFmpeg.
const ATTACKS: &str = include_str!("corpus/attacks.txt");

fn lines(corpus: &str) -> impl Iterator<Item = &str> {
    corpus.lines().filter(|line| !line.is_empty())
}

#[test]
fn ordinary_tails_are_taken_as_they_are() {
    let mut count = 0;
    for line in lines(ORDINARY) {
        let args = words(line);
        match check(&args) {
            Ok(checked) => assert_eq!(checked.args, args),
            Err(refused) => panic!("{line}\n  was refused: {refused}"),
        }
        count += 1;
    }
    assert!(count >= 60, "{count}");
}

#[test]
fn attacks_are_refused_and_named() {
    let taken: Vec<&str> = lines(ATTACKS).filter(|line| check(&words(line)).is_ok()).collect();
    assert!(taken.is_empty(), "{taken:#?}");
    assert!(lines(ATTACKS).count() >= 80);
    for refused in lines(ATTACKS).filter_map(|line| check(&words(line)).err()) {
        assert!(refused.message.len() > 20, "{refused}");
        assert_eq!(refused.reason, ffleet_types::Reason::UserError);
    }
}

#[test]
fn misspelt_option_suggests_the_nearest() {
    let refused = check(&words("-cfr 23")).unwrap_err();
    assert!(refused.message.contains("-crf"), "{refused}");
    let refused = check(&words("-vf scael=1:1")).unwrap_err();
    assert!(refused.message.contains("scale"), "{refused}");
    let refused = check(&words("-x264-params keint=2")).unwrap_err();
    assert!(refused.message.contains("keyint"), "{refused}");
}

#[test]
fn refusal_says_why() {
    for (line, why) in [
        ("-i x", "inputs are named by the job"),
        ("x.mp4", "names of inputs and outputs"),
        ("-crf", "lacks its value"),
        ("-f hls", "more than the one file"),
        ("-/vf x", "from a file"),
    ] {
        let refused = check(&words(line)).unwrap_err();
        assert!(refused.message.contains(why), "{line}: {refused}");
    }
}

#[test]
fn copies_and_formats_are_seen() {
    let copy = check(&words("-map 0 -c copy -f matroska")).unwrap();
    assert!(copy.copies_everything);
    assert_eq!(copy.format.as_deref(), Some("matroska"));
    assert!(!check(&words("-c copy -c:a aac")).unwrap().copies_everything);
    assert!(!check(&words("-c:v copy")).unwrap().copies_everything);
    assert!(check(&words("-threads:v 2")).unwrap().names("threads"));
}

#[test]
fn endless_options_are_refused() {
    check(&vec!["-an".to_owned(); 600]).unwrap_err();
    check(&["-metadata".to_owned(), format!("a={}", "b".repeat(40_000))]).unwrap_err();
    check(&["-metadata".to_owned(), "a=\0".to_owned()]).unwrap_err();
}

#[test]
fn no_option_is_listed_twice_or_both_taken_and_refused() {
    let mut seen = std::collections::BTreeSet::new();
    for name in options::names() {
        assert!(seen.insert(name), "{name} is listed twice");
        assert_eq!(options::why_not(name), None, "{name} is both taken and refused");
    }
}

proptest! {
    /// Whatever is taken holds no option that is not on the list, and no word in the place of a
    /// name.
    #[test]
    fn what_is_taken_consists_of_known_options(line in "(-[a-z_:0-9]{1,8}|[ -~]{0,12})( (-[a-z:]{1,6}|[ -~]{0,12})){0,5}") {
        let args = words(&line);
        if let Ok(checked) = check(&args) {
            prop_assert!(args.first().is_none_or(|word| word.starts_with('-') && word.len() > 1));
            for name in &checked.names {
                prop_assert!(options::find(name).is_some());
            }
        }
    }

    /// A filter that is not on the list is found wherever it hides in a graph.
    #[test]
    fn bad_filter_is_found_anywhere(
        before in "(\\[in\\])?(scale=(1|'a,b'|if\\(gt\\(a\\\\,b\\)\\\\,1\\\\,2\\)):h=2(\\[x\\])?[,;]){0,3}",
        bad in "(movie|subtitles|sendcmd|zmq|lut3d)(@id)?(=(filename=)?/etc/x)?",
        after in "([,;](\\[x\\])?hflip){0,3}",
    ) {
        let graph = format!("{before}{bad}{after}");
        prop_assert!(check(&["-vf".to_owned(), graph.clone()]).is_err(), "{}", graph);
    }
}
