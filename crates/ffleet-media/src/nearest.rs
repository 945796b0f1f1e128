//! The known word that a misspelt one most likely meant.
//!
//! Levels 0 and 1 take no dependency for it: thirty lines of the optimal string alignment
//! distance (Levenshtein with swapped neighbours, which is how people mistype) are enough.

/// The candidate nearest to `word`, if it is near enough to be worth suggesting: at most a third
/// of the word's letters differ. The first of equals.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    let mut best = None;
    for candidate in candidates {
        let distance = distance(word, candidate);
        if distance <= limit && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Letters to insert, drop, change or swap to make `right` of `left`. Long words are not
/// compared letter by letter: nobody misspells those.
fn distance(left: &str, right: &str) -> usize {
    const LONGEST: usize = 64;
    let left: Vec<char> = left.chars().take(LONGEST).collect();
    let right: Vec<char> = right.chars().take(LONGEST).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut cost = (row[j] + usize::from(a != b)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                cost = cost.min(before[j - 1] + 1);
            }
            next.push(cost);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slip_of_a_finger_finds_its_word() {
        let words = ["1080p-h264", "1080p-h265", "aac-128k"];
        assert_eq!(nearest("1080p-h246", words), Some("1080p-h264"));
        assert_eq!(nearest("acc-128k", words), Some("aac-128k"));
        assert_eq!(nearest("1080-h265", words), Some("1080p-h265"));
    }

    #[test]
    fn far_word_suggests_nothing() {
        assert_eq!(nearest("quantum", ["1080p-h264", "gif"]), None);
        assert_eq!(nearest("", ["gif"]), None);
    }

    #[test]
    fn distance_counts_swaps_once() {
        assert_eq!(distance("abcd", "abdc"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
