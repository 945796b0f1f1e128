use proptest::prelude::*;

use super::*;

#[test]
fn text_without_secrets_is_not_copied() {
    for text in [
        "",
        "job 17 is running",
        "https://example.com/film.mp4?start=10&quality=high",
        "author: somebody",
        "a://",
        "ffk_",
        "/data/in put.mp4",
    ] {
        assert!(matches!(redact(text), Cow::Borrowed(_)), "{text:?} became {:?}", redact(text));
    }
}

#[test]
fn secrets_are_hidden_by_their_form() {
    for (text, clean) in [
        ("key ffk_AbC-12_x, done", "key ffk_***, done"),
        ("/stream/cam?token=fft_AbC-12_x HTTP/1.1", "/stream/cam?token=fft_*** HTTP/1.1"),
        ("Authorization: Bearer abc.def\r\nHost: x", "Authorization: ***\r\nHost: x"),
        (r#"{"authorization":"Basic dXNlcg=="}"#, r#"{"authorization":"***"}"#),
        (r#"{\"AUTHORIZATION\":\"Basic x y\"}"#, r#"{\"AUTHORIZATION\":\"***\"}"#),
        ("rtmp://live.example/app/s3cret", "rtmp://live.example/app/***"),
        ("'rtmps://h:443/app/s3cret?user=me'", "'rtmps://h:443/app/***?user=***'"),
        ("rtmp://h/app/key: I/O error", "rtmp://h/app/*** I/O error"),
        (
            "rtmp://h/app/a/b/ rtmp://h/x rtmp://h/",
            "rtmp://h/app/*** rtmp://h/*** rtmp://h/",
        ),
        ("http://me:pass@host/x", "http://***@host/x"),
        (
            "https://b.s3/x?X-Amz-Signature=ff&a=1",
            "https://b.s3/x?X-Amz-Signature=***&a=1",
        ),
        ("https://h/x?a=1&token=t#f", "https://h/x?a=1&token=***#f"),
        ("srt://h:9?streamid=a&passphrase=b", "srt://h:9?streamid=***&passphrase=***"),
        ("https://a@h/ and https://b@h/", "https://***@h/ and https://***@h/"),
        ("http://h/?key=ffk_abc", "http://h/?key=***"),
    ] {
        assert_eq!(redact(text), clean);
    }
}

#[test]
fn command_line_can_be_pasted_into_a_shell() {
    let args = ["ffmpeg", "-i", "it's a film.mp4", "", "-vf", "scale=1280:-2", "rtmp://h/a/k"];
    assert_eq!(
        command_line(&args),
        r"ffmpeg -i 'it'\''s a film.mp4' '' -vf scale=1280:-2 rtmp://h/a/***"
    );
    assert_eq!(command_line(&["a\nb", "$(x)", "-é"]), "'a\nb' '$(x)' -é");
}

proptest! {
    #[test]
    fn what_is_clean_stays_as_it_is(text in "[a-zA-Z:/@?&=#_ *\"'\\\\é.]{0,80}") {
        let once = redact(&text).into_owned();
        let twice = redact(&once).into_owned();
        prop_assert_eq!(&twice, &once);
    }

    #[test]
    fn key_does_not_survive_whatever_is_around_it(
        before in "\\PC{0,40}",
        after in "[ ,;\"'/&]\\PC{0,40}",
    ) {
        let text = format!("{before} ffk_k3yk3yk3yk3y{after}");
        prop_assert!(!redact(&text).contains("k3yk3yk3yk3y"), "{}", redact(&text));
        let text = format!("{before} rtmp://host/app/k3yk3yk3yk3y{after}");
        prop_assert!(!redact(&text).contains("k3yk3yk3yk3y"), "{}", redact(&text));
    }
}
