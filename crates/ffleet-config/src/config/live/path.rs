//! Paths that streams can answer at.

use ffleet_types::live::Name;

use crate::block::Trouble;

/// The longest path.
const LONGEST: usize = 1_024;
/// First parts of the server's own paths. A test holds them to its routes; beside those are pages
/// that are to come and what voyandz serves.
const OWN: [&str; 20] = [
    "", "v1", "healthz", "readyz", "metrics", "login", "find", "jobs", "nodes", "logs", "assets",
    "ingest", "feeds", "streams", "tenants", "keys", "config", "stat", "static", "_ffleet",
];

/// Whether `text` is a path as it stands in a request (RFC 3986, 3.3), and the only one that means
/// what it says: what clients and proxies rewrite on the way is none.
pub(crate) fn legal(text: &str) -> Result<(), Trouble> {
    let wrong = |message: &str, hint: &str| Err(Trouble::new(format!("{text:?} {message}"), hint));
    let Some(rest) = text.strip_prefix('/') else {
        return wrong("does not begin with `/`", "write `url: /a/path`");
    };
    if text.contains(['?', '#']) {
        return wrong("has a query or a fragment", "end it before the `?` or `#`");
    }
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&c);
    if let Some(odd) = text.chars().find(|c| !u8::try_from(*c).is_ok_and(plain)) {
        let hint = "write letters and digits of ASCII, `/` and -._~!$&'()*+,;=:@";
        return wrong(&format!("holds {odd:?}"), hint);
    }
    if text.contains("//") {
        return wrong("has `//` in it", "write one `/`");
    }
    if rest.split('/').any(|part| part == "." || part == "..") {
        return wrong("has a `.` or `..` in it", "write where it leads");
    }
    if text.len() > LONGEST {
        return wrong("is too long", "a path has up to 1024 bytes");
    }
    Ok(())
}

/// Whether a legal path belongs to the server itself.
pub(crate) fn is_own(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    OWN.contains(&first) || path == "/stream" || path == "/shot"
}

/// The name of the stream whose usual address this path is, whether there is such a stream or not.
pub(crate) fn usual_of(path: &str) -> Option<Name> {
    let name = path.strip_prefix("/stream/").or_else(|| path.strip_prefix("/shot/"))?;
    name.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_what_a_request_says() {
        for text in ["/a", "/a/b.ts", "/a/", "/cam:1/x=y", "/~me/cam,1"] {
            assert_eq!(legal(text), Ok(()), "{text}");
        }
        let long = format!("/{}", "a".repeat(1_024));
        for (text, why) in [
            ("", "does not begin"),
            ("a/b", "does not begin"),
            ("http://x/y", "does not begin"),
            ("/a?b", "query"),
            ("/a#b", "fragment"),
            ("/a b", "holds ' '"),
            ("/a\nb", "holds '\\n'"),
            ("/a%2fb", "holds '%'"),
            ("/ü", "holds 'ü'"),
            ("//a", "`//`"),
            ("/a//b", "`//`"),
            ("/../a", "`..`"),
            ("/a/.", "`..`"),
            (&long, "too long"),
        ] {
            let trouble = legal(text).unwrap_err();
            assert!(trouble.message.contains(why), "{text:?}: {trouble:?}");
        }
    }

    /// Every route of the server, as its sources say them.
    #[test]
    fn every_route_of_the_server_is_its_own() {
        let sources = [
            include_str!("../../../../ffleet-controller/src/http/router.rs"),
            include_str!("../../../../ffleet-controller/src/dashboard/routes.rs"),
            include_str!("../../../../ffleet-controller/src/dashboard/assets.rs"),
        ];
        let routes: Vec<&str> = sources
            .iter()
            .flat_map(|source| source.split('"'))
            .filter(|text| text.starts_with('/') && !text.contains([' ', '\n']))
            .collect();
        assert!(routes.len() > 25, "{routes:?}");
        for route in routes {
            let streams = route.starts_with("/stream/") || route.starts_with("/shot/");
            assert!(is_own(route) || streams, "{route}");
        }
        assert!(
            is_own("/_ffleet/")
                && !is_own("/scary/vid")
                && !is_own("/v10")
                && !is_own("/stream/cam")
        );
    }
}
