//! Names of users, as `passwd(5)` has them.

use std::fs;

/// The number of the user of this name.
pub(super) fn uid(name: &str) -> Option<u32> {
    of(&fs::read_to_string("/etc/passwd").ok()?, name)
}

fn of(passwd: &str, name: &str) -> Option<u32> {
    let mut users = passwd.lines().map(|line| line.split(':'));
    let mut user = users.find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
    user.nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_is_found_by_the_whole_name() {
        let text = "root:x:0:0:root:/root:/bin/bash\nmedia:x:990:990::/srv:/bin/sh\nodd\n";
        assert_eq!((of(text, "root"), of(text, "media")), (Some(0), Some(990)));
        for name in ["med", "media:x", "odd", "", "x"] {
            assert_eq!(of(text, name), None, "{name:?}");
        }
        assert_eq!(uid("root"), Some(0));
    }
}
